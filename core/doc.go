// Package core holds the words of Raven: its entities, value objects, typed
// errors, defaults and limits. It imports the standard library only and knows
// nothing of how anything is stored, served or sealed.
//
// Two shapes of a thing appear here and no third: the opened one, which
// services and callers see (User, Conversation, Interaction), and the record,
// which is what a store keeps (UserRecord, ConversationRecord, BlobRecord).
// Whatever a person wrote is inside the record's Sealed bytes and nowhere else.
package core

// Package facts keeps what is true of a user: sentences with a subject, the
// time for which they hold, and the interactions they come from. A newer fact
// on the same subject and attribute supersedes the older, which stays readable.
package facts

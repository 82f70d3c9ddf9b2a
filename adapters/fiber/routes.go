package fiberhttp

import (
	"net/http"

	"github.com/raven-memory/raven/core"
)

const (
	api           = "/api/v1"
	registration  = api + "/tenants"
	users         = api + "/users"
	user          = users + "/{user_id}"
	conversations = user + "/conversations"
	conversation  = conversations + "/{conversation_id}"
)

// Parameters that several routes have.
var (
	cursorParam = param{name: "cursor", kind: paramCursor, doc: "next_cursor of the page before; it belongs to this list and its filters."}
	limitParam  = param{name: "limit", kind: paramNumber, low: 1, high: core.MaxPage, preset: core.DefaultPage, doc: "How many items a page has at most."}
	paged       = []param{limitParam, cursorParam}
)

// routes is all there is.
func routes() []route {
	table := operatingRoutes()
	table = append(table, tenantRoutes()...)
	table = append(table, keyRoutes()...)
	table = append(table, auditRoutes()...)
	table = append(table, webhookRoutes()...)
	table = append(table, userRoutes()...)
	table = append(table, conversationRoutes()...)
	table = append(table, memoryRoutes()...)
	table = append(table, factRoutes()...)
	return append(table, recallRoutes()...)
}

func operatingRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/healthz", name: "getHealth", group: "Operating", access: accessPublic,
			summary: "Is the process alive", endpoint: asks((*Server).getHealth),
			answers: []result{gives[healthJSON](http.StatusOK, "It is.")}},
		{method: http.MethodGet, path: "/readyz", name: "getReadiness", group: "Operating", access: accessPublic,
			summary: "Can it serve, and the state of each dependency", endpoint: asks((*Server).getReadiness),
			answers: []result{
				gives[readinessJSON](http.StatusOK, "It can."),
				gives[readinessJSON](http.StatusServiceUnavailable, "A dependency that writes need is down, or the server is stopping."),
			}},
		{method: http.MethodGet, path: "/openapi.json", name: "getOpenAPI", group: "Operating", access: accessPublic,
			summary: "This description, for programs", endpoint: asks((*Server).getOpenAPI),
			answers: []result{{status: http.StatusOK, mime: mimeJSON, about: "OpenAPI 3.1."}}},
		{method: http.MethodGet, path: "/docs", name: "getDocs", group: "Operating", access: accessPublic,
			summary: "This description, for people", endpoint: asks((*Server).getDocs),
			answers: []result{{status: http.StatusOK, mime: mimeHTML, about: "A page that needs nothing from elsewhere."}}},
		{method: http.MethodGet, path: pathConsole, name: "getConsole", group: "Operating", access: accessPublic,
			summary: "The web console", endpoint: asks((*Server).getConsole),
			about:   "Users, memory, recall, keys, settings, encryption, audit and webhooks of a tenant in a browser. It signs in with an API key, which it keeps in the page's memory only.",
			answers: []result{{status: http.StatusOK, mime: mimeHTML, about: "A page that needs nothing from elsewhere."}}, codes: []core.Code{core.CodeNotFound}},
	}
}

func tenantRoutes() []route {
	const tenant = api + "/tenant"
	return []route{
		{method: http.MethodPost, path: registration, name: "registerTenant", group: "Tenant", access: accessRegistration,
			summary: "Register a tenant", endpoint: takes((*Server).registerTenant),
			about:   "Open to all, to those with the operator's token (as a bearer token), or to nobody, as the operator chose. The email is compared without regard to letter case.",
			answers: []result{gives[registeredJSON](http.StatusCreated, "The tenant and its first API key. The key is shown this once.")},
			codes:   []core.Code{core.CodeUnauthenticated, core.CodeRegistrationClosed, core.CodeEmailTaken}},
		{method: http.MethodGet, path: tenant, name: "getTenant", group: "Tenant", access: accessKey, scopes: core.ScopeTenantRead,
			summary: "Get the tenant", endpoint: asks((*Server).getTenant), versioned: true,
			answers: []result{gives[tenantJSON](http.StatusOK, "The tenant that the API key belongs to.")}},
		{method: http.MethodPatch, path: tenant, name: "updateTenant", group: "Tenant", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Change the tenant's name and settings", endpoint: takes((*Server).patchTenant), versioned: true,
			about: "A merge patch: what is left out stays. Changed settings act at once, on what is stored too; another encryption_mode makes a new data key, " +
				"wrapped as it says, and has what is stored re-encrypted. While the key that it needs is missing or refused, nothing is changed.",
			answers: []result{gives[tenantJSON](http.StatusOK, "The tenant after the change.")},
			codes:   []core.Code{core.CodeVersionConflict, core.CodeKeyUnavailable}},
		{method: http.MethodDelete, path: tenant, name: "deleteTenant", group: "Tenant", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Delete the tenant", endpoint: asks((*Server).deleteTenant),
			about:   "Destroys the keys first, so that nothing of the tenant can be read from the answer on, then the data.",
			query:   []param{{name: "confirm", kind: paramText, required: true, doc: "The tenant's id, to show that it is meant."}},
			answers: []result{gives[deletionJSON](http.StatusAccepted, "A receipt.")}},
		{method: http.MethodGet, path: tenant + "/usage", name: "getUsage", group: "Tenant", access: accessKey, scopes: core.ScopeTenantRead,
			summary: "Get what the tenant uses of its limits", endpoint: asks((*Server).getUsage),
			answers: []result{gives[usageJSON](http.StatusOK, "Counted exactly, as of now.")}},
		{method: http.MethodGet, path: tenant + "/encryption", name: "getEncryption", group: "Tenant", access: accessKey, scopes: core.ScopeTenantRead,
			summary: "Get the state of the tenant's encryption", endpoint: asks((*Server).getEncryption),
			answers: []result{gives[encryptionJSON](http.StatusOK, "It needs no key, and so works while the tenant's is gone.")}},
		{method: http.MethodPost, path: tenant + "/encryption/rotate", name: "rotateEncryption", group: "Tenant", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Rotate the tenant's data key", endpoint: takes((*Server).rotateEncryption),
			about: "A new data key seals all new writes from the answer on; what is stored is re-encrypted in the background and stays readable throughout. " +
				"While that runs, another rotation makes no further key and answers with the state. Either way the data keys there are come under the newest version of the key that wraps them.",
			answers: []result{gives[encryptionJSON](http.StatusAccepted, "The state, as GET gives it.")},
			codes:   []core.Code{core.CodeKeyUnavailable, core.CodeVersionConflict}},
	}
}

func keyRoutes() []route {
	const keys = api + "/tenant/keys"
	return []route{
		{method: http.MethodGet, path: keys, name: "listKeys", group: "API keys", access: accessKey, scopes: core.ScopeTenantRead,
			summary: "List API keys", endpoint: asks((*Server).listKeys), query: paged,
			answers: []result{gives[list[apiKeyJSON]](http.StatusOK, "By creation, revoked and expired ones too, never with a secret.")}},
		{method: http.MethodGet, path: keys + "/current", name: "getCurrentKey", group: "API keys", access: accessKey,
			summary: "Get the API key that asks", endpoint: asks((*Server).getCurrentKey),
			about:   "Any key may: it learns its own scopes without trying what is refused.",
			answers: []result{gives[apiKeyJSON](http.StatusOK, "The key of the request, without its secret.")}},
		{method: http.MethodPost, path: keys, name: "createKey", group: "API keys", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Create an API key", endpoint: takes((*Server).createKey),
			answers: []result{gives[issuedKeyJSON](http.StatusCreated, "The key, shown this once.")},
			codes:   []core.Code{core.CodeQuotaExhausted}},
		{method: http.MethodDelete, path: keys + "/{key_id}", name: "revokeKey", group: "API keys", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Revoke an API key", endpoint: asks((*Server).revokeKey),
			answers: []result{nothing("It is refused from now on.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeLastAdminKey}},
		{method: http.MethodPost, path: keys + "/{key_id}/rotate", name: "rotateKey", group: "API keys", access: accessKey, scopes: core.ScopeTenantAdmin,
			summary: "Replace an API key", endpoint: takes((*Server).rotateKey),
			about:   "Makes a new key with the same name and scopes. The old one goes on for a while, so that it can be replaced everywhere.",
			answers: []result{gives[issuedKeyJSON](http.StatusCreated, "The new key, shown this once.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeQuotaExhausted}},
	}
}

func userRoutes() []route {
	return []route{
		{method: http.MethodPost, path: users, name: "createUser", group: "Users", access: accessKey, scopes: core.ScopeUsersWrite,
			summary: "Create a user", endpoint: takes((*Server).createUser), again: anew((*Server).userAgain),
			about:   "A replay gives the user as it is now; 404 once it is deleted.",
			answers: []result{gives[userJSON](http.StatusCreated, "The user.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeExternalRefTaken, core.CodeQuotaExhausted}},
		{method: http.MethodPut, path: users + "/ext:{external_ref}", name: "ensureUser", group: "Users", access: accessKey, scopes: core.ScopeUsersWrite,
			summary: "Get the user with a reference, or create it", endpoint: takes((*Server).ensureUser),
			about:   "Safe under a race: any number of callers get the same user. The body is that of a new one; it does not change one that is there.",
			answers: []result{gives[userJSON](http.StatusOK, "The user there is."), gives[userJSON](http.StatusCreated, "The user just created.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeQuotaExhausted}},
		{method: http.MethodGet, path: users, name: "listUsers", group: "Users", access: accessKey, scopes: core.ScopeUsersRead,
			summary: "List users, or find one by its reference", endpoint: asks((*Server).listUsers),
			query:   append([]param{{name: "external_ref", kind: paramText, personal: true, check: core.CheckExternalRef, doc: "Gives a list of the one user who has it, or of none."}}, paged...),
			answers: []result{gives[list[userJSON]](http.StatusOK, "By creation.")}},
		{method: http.MethodGet, path: user, name: "getUser", group: "Users", access: accessKey, scopes: core.ScopeUsersRead,
			summary: "Get a user", endpoint: asks((*Server).getUser), versioned: true,
			answers: []result{gives[userJSON](http.StatusOK, "The user.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodPatch, path: user, name: "updateUser", group: "Users", access: accessKey, scopes: core.ScopeUsersWrite,
			summary: "Change a user", endpoint: takes((*Server).patchUser), versioned: true,
			answers: []result{gives[userJSON](http.StatusOK, "The user after the change.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeVersionConflict}},
		{method: http.MethodDelete, path: user, name: "deleteUser", group: "Users", access: accessKey, scopes: core.ScopeUsersWrite,
			summary: "Delete a user with all that is stored of it", endpoint: asks((*Server).deleteUser), versioned: true,
			answers: []result{nothing("Every conversation, blob and buffer of the user is gone.")},
			codes:   []core.Code{core.CodeNotFound}},
		{method: http.MethodGet, path: user + "/export", name: "exportUser", group: "Users", access: accessKey, scopes: core.ScopeUsersRead | core.ScopeMemoryRead,
			summary: "Export all that is held about a user", endpoint: asks((*Server).exportUser),
			about:   "One JSON object a line: the user, then each conversation with its interactions, then a line of type \"end\" that shows the export is whole.",
			answers: []result{gives[exportLineJSON](http.StatusOK, "Streamed, decrypted.").as(mimeNDJSON)},
			codes:   []core.Code{core.CodeNotFound}},
	}
}

func conversationRoutes() []route {
	return []route{
		{method: http.MethodPost, path: conversations, name: "createConversation", group: "Conversations", access: accessKey, scopes: core.ScopeConversationsWrite,
			summary: "Start a conversation", endpoint: takes((*Server).createConversation), again: anew((*Server).conversationAgain),
			about:   "A replay gives the conversation as it is now; 404 once it is deleted.",
			answers: []result{gives[conversationJSON](http.StatusCreated, "The conversation.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeExternalRefTaken, core.CodeQuotaExhausted}},
		{method: http.MethodGet, path: conversations, name: "listConversations", group: "Conversations", access: accessKey, scopes: core.ScopeConversationsRead,
			summary: "List a user's conversations", endpoint: asks((*Server).listConversations), query: paged,
			answers: []result{gives[list[conversationJSON]](http.StatusOK, "By creation.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodGet, path: conversation, name: "getConversation", group: "Conversations", access: accessKey, scopes: core.ScopeConversationsRead,
			summary: "Get a conversation", endpoint: asks((*Server).getConversation), versioned: true,
			answers: []result{gives[conversationJSON](http.StatusOK, "The conversation.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodPatch, path: conversation, name: "updateConversation", group: "Conversations", access: accessKey, scopes: core.ScopeConversationsWrite,
			summary: "Change or close a conversation", endpoint: takes((*Server).patchConversation), versioned: true,
			about:   "Closing seals what is buffered; a closed conversation stays readable and takes no more interactions.",
			answers: []result{gives[conversationJSON](http.StatusOK, "The conversation after the change.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeVersionConflict}},
		{method: http.MethodDelete, path: conversation, name: "deleteConversation", group: "Conversations", access: accessKey, scopes: core.ScopeConversationsWrite,
			summary: "Delete a conversation with its memory", endpoint: asks((*Server).deleteConversation), versioned: true,
			answers: []result{nothing("It is gone.")}, codes: []core.Code{core.CodeNotFound}},
	}
}

func memoryRoutes() []route {
	return []route{
		{method: http.MethodPost, path: conversation + "/memory", name: "ingest", group: "Memory", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Store interactions", endpoint: takes((*Server).ingest), again: anew((*Server).ingestAgain),
			about:   "What is acknowledged is durable, readable and searchable. When the buffer reaches the tenant's batch_size, it is sealed into blobs. With context, one round trip stores and answers.",
			answers: []result{gives[ingestedJSON](http.StatusCreated, "Their ids.")},
			codes:   []core.Code{core.CodeNotFound, core.CodeConversationClosed}},
		{method: http.MethodGet, path: conversation + "/memory", name: "listInteractions", group: "Memory", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "Read a conversation", endpoint: asks((*Server).listInteractions),
			query:   append([]param{{name: "order", kind: paramChoice, choices: []string{"asc", "desc"}, doc: "Oldest first, or newest first."}}, paged...),
			answers: []result{gives[list[interactionJSON]](http.StatusOK, "In order, sealed and buffered alike, none twice.")},
			codes:   []core.Code{core.CodeNotFound}},
		{method: http.MethodDelete, path: conversation + "/memory/{interaction_id}", name: "deleteInteraction", group: "Memory", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Forget one interaction", endpoint: asks((*Server).deleteInteraction),
			answers: []result{nothing("It is gone from buffer, blob and index.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodPost, path: conversation + "/flush", name: "flush", group: "Memory", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Seal what is buffered of a conversation", endpoint: takes((*Server).flush),
			answers: []result{gives[flushedJSON](http.StatusOK, "The blobs that it made.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodGet, path: user + "/memory", name: "listBlobs", group: "Memory", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "List the headers of a user's blobs", endpoint: asks((*Server).listBlobs), query: paged,
			answers: []result{gives[list[blobJSON]](http.StatusOK, "By arrival.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodGet, path: user + "/memory/{blob_id}", name: "getBlob", group: "Memory", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "Get a blob, decrypted", endpoint: asks((*Server).getBlob),
			answers: []result{gives[openBlobJSON](http.StatusOK, "Its header and interactions.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodDelete, path: user + "/memory/{blob_id}", name: "deleteBlob", group: "Memory", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Forget a blob", endpoint: asks((*Server).deleteBlob),
			answers: []result{nothing("It and its interactions are gone.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodDelete, path: user + "/memory", name: "clearMemory", group: "Memory", access: accessKey, scopes: core.ScopeMemoryWrite,
			summary: "Forget all that is stored of a user", endpoint: asks((*Server).clearMemory),
			answers: []result{nothing("All memory is gone; the user and its conversations stay.")}, codes: []core.Code{core.CodeNotFound}},
	}
}

func recallRoutes() []route {
	return []route{
		{method: http.MethodPost, path: user + "/context", name: "getContext", group: "Recall", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "Get context for the next answer", endpoint: takes((*Server).getContext), reads: true,
			about:   "A block for a prompt, within max_tokens by the counter it names. Each line says who spoke, when and where; the block marks itself as quoted data.",
			answers: []result{gives[contextJSON](http.StatusOK, "The block and its lines.")}, codes: []core.Code{core.CodeNotFound}},
		{method: http.MethodPost, path: user + "/memory/search", name: "search", group: "Recall", access: accessKey, scopes: core.ScopeMemoryRead,
			summary: "Search a user's memory", endpoint: takes((*Server).search), reads: true,
			answers: []result{gives[foundJSON](http.StatusOK, "What fits best, best first.")}, codes: []core.Code{core.CodeNotFound}},
	}
}

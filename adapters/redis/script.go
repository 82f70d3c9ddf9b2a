package redis

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"strings"

	"github.com/raven-memory/raven/core"
)

// The scripts are what changes anything. Those in scripts/step begin with
// step.lua, those in scripts/memory with step.lua and memory.lua, those in
// scripts/keys, scripts/derived and scripts/deliveries with step.lua and the file
// of their folder's name, those in scripts/forget with step.lua, memory.lua and
// derived.lua, and those in scripts/plain with nothing. The first line of each
// is Redis's own: the language and what Redis is to check before it lets the
// script begin.
//
//go:embed scripts
var scriptFiles embed.FS

// script is a script as Redis gets it.
type script struct {
	name    string
	text    string
	sha     string // by which Redis knows it, once loaded
	step    bool   // takes what stepArgs gives, and the bound of the outbox
	records bool   // may record events
}

var (
	createTenant       = load("step/create_tenant")
	updateTenant       = load("keys/update_tenant")
	deleteTenant       = load("step/delete_tenant")
	createAPIKey       = load("step/create_api_key")
	rotateAPIKey       = load("step/rotate_api_key")
	revokeAPIKey       = load("step/revoke_api_key")
	touchAPIKeys       = load("plain/touch_api_keys")
	createUser         = load("step/create_user")
	updateUser         = load("step/update_user")
	deleteUser         = load("step/delete_user")
	createConversation = load("step/create_conversation")
	updateConversation = load("memory/update_conversation")
	deleteConversation = load("forget/delete_conversation")
	appendEntries      = load("memory/append")
	appendSealed       = load("memory/append_sealed")
	commitFlush        = load("memory/commit_flush")
	rewriteBlob        = load("forget/rewrite_blob")
	deleteBlob         = load("forget/delete_blob")
	deleteBuffered     = load("forget/delete_buffered")
	clearMemory        = load("step/clear_memory")
	writeFacts         = load("step/write_facts")
	putDerived         = load("derived/put_derived")
	addDataKey         = load("keys/add_data_key")
	rewrapDataKey      = load("keys/rewrap_data_key")
	destroyDataKey     = load("keys/destroy_data_key")
	setReencryption    = load("keys/set_reencryption")
	resealRecord       = load("step/reseal")
	resealName         = load("step/reseal_names")
	resealDerived      = load("derived/reseal_derived")
	replayed           = load("step/replayed")
	forestall          = load("step/forestall")
	settle             = load("memory/settle")
	recordEvents       = load("step/record_events")
	readStretch        = load("plain/stretch")

	reserveEmail    = load("plain/reserve_email")
	confirmEmail    = load("plain/confirm_email")
	reserveKeyHash  = load("plain/reserve_key_hash")
	confirmKeyHash  = load("plain/confirm_key_hash")
	releaseKeyHash  = load("plain/release_key_hash")
	deleteEqual     = load("plain/delete_equal")
	addMember       = load("plain/add_member")
	confirmTenant   = load("plain/confirm_tenant")
	claimOperation  = load("plain/claim_operation")
	finishOperation = load("plain/finish_operation")

	reserveRotation = load("plain/reserve_rotation")
	releaseRotation = load("plain/release_rotation")
	takeLease       = load("plain/take_lease")
	endLease        = load("plain/end_lease")

	reserveOutbox     = load("plain/reserve_outbox")
	setPosition       = load("plain/set_position")
	trimEvents        = load("plain/trim_events")
	appendAudit       = load("plain/append_audit")
	addCheckpoint     = load("plain/add_checkpoint")
	beginAudit        = load("plain/begin_audit")
	addDeliveries     = load("deliveries/add_deliveries")
	saveDelivery      = load("deliveries/save_delivery")
	takeDeliveries    = load("deliveries/take_deliveries")
	reserveDeliveries = load("plain/reserve_deliveries")
	listDeliveries    = load("plain/list_deliveries")
	raiseDeliveries   = load("plain/raise_deliveries")

	beginClaim      = load("plain/begin")
	endClaim        = load("plain/end_claim")
	sweepOperations = load("plain/sweep_operations")
	initDeployment  = load("plain/init_deployment")
	addFields       = load("plain/add_fields")
	takeRates       = load("plain/take")
	checkHealth     = load("plain/check_health")
)

// constants are what the scripts know of core.
var constants = fmt.Sprintf("local CHANGES_KEPT, SCOPE_ADMIN, DELIVERIES_KEPT = %d, %d, %d\n",
	core.MinChangesKept, core.ScopeTenantAdmin, core.MaxDeliveriesKept)

// shared is what a script in a folder begins with.
var shared = map[string][]string{
	"step":       {"step.lua"},
	"keys":       {"step.lua", "keys.lua"},
	"memory":     {"step.lua", "memory.lua"},
	"forget":     {"step.lua", "memory.lua", "derived.lua"},
	"derived":    {"step.lua", "derived.lua"},
	"deliveries": {"step.lua", "deliveries.lua"},
	"plain":      nil,
}

// What a step runs in: its answer tells by a mark whether it recorded an event.
const (
	stepBegins = "local function step()\n"
	stepEnds   = "end\nlocal answer = step()\nif recorded then answer[1] = answer[1] .. '" + recordedMark + "' end\nreturn answer\n"

	recordedMark = "!"
)

func load(name string) *script {
	first, body, _ := strings.Cut(readScript(name+".lua"), "\n")
	s := &script{name: name, records: strings.Contains(body, "record(") || strings.Contains(body, "add_data_key(")}
	parts := []string{first + "\n"}
	if before := shared[path.Dir(name)]; len(before) > 0 {
		s.step = true
		parts = append(parts, constants)
		for _, file := range before {
			parts = append(parts, readScript(file))
		}
		body = stepBegins + body + stepEnds
	}
	s.text = strings.Join(append(parts, body), "")
	sum := sha1.Sum([]byte(s.text)) //nolint:gosec // as above
	s.sha = hex.EncodeToString(sum[:])
	return s
}

func readScript(file string) string {
	text, err := scriptFiles.ReadFile("scripts/" + file)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

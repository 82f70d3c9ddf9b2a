package audit

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/raven-memory/raven/core"
)

// statement is what a checkpoint states: the body of a note as
// c2sp.org/tlog-checkpoint says, without extension lines.
type statement struct {
	origin string
	size   int64
	root   core.AuditHash
}

// origin names the log of a tenant in a deployment's checkpoints.
func origin(key PublicKey, tenant core.TenantID) string { return key.Name + "/" + string(tenant) }

func (s statement) text() string {
	return s.origin + "\n" + strconv.FormatInt(s.size, 10) + "\n" + base64.StdEncoding.EncodeToString(s.root[:]) + "\n"
}

func parseStatement(text string) (statement, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return statement{}, fmt.Errorf("audit: the note is not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return statement{}, fmt.Errorf("audit: the checkpoint's size is not a number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(core.AuditHash{}) {
		return statement{}, fmt.Errorf("audit: the checkpoint's root is not a hash")
	}
	return statement{origin: lines[0], size: size, root: core.AuditHash(root)}, nil
}

// openCheckpoint verifies a checkpoint and reads it.
func openCheckpoint(key PublicKey, note []byte) (statement, error) {
	text, err := key.open(note)
	if err != nil {
		return statement{}, err
	}
	return parseStatement(text)
}

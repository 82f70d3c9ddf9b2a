package core

// Level says how bad a finding is.
type Level string

// The levels there are.
const (
	LevelOK   Level = "ok"
	LevelWarn Level = "warn" // it works, and something should be mended
	LevelFail Level = "fail" // it does not work, or may lose or give away what it must not
)

// Finding is what a check of a deployment found. It holds no secret.
type Finding struct {
	Check  string `json:"check"` // what was looked at, such as "redis: eviction"
	Level  Level  `json:"level"`
	Detail string `json:"detail"`         // what there is
	Mend   string `json:"mend,omitempty"` // what to do, where something is wrong
}

// Findings gathers what a check found.
type Findings []Finding

// OK notes that something is as it should be.
func (f *Findings) OK(check, detail string) {
	*f = append(*f, Finding{Check: check, Level: LevelOK, Detail: detail})
}

// Warn notes what should be mended.
func (f *Findings) Warn(check, detail, mend string) {
	*f = append(*f, Finding{Check: check, Level: LevelWarn, Detail: detail, Mend: mend})
}

// Fail notes what has to be mended.
func (f *Findings) Fail(check, detail, mend string) {
	*f = append(*f, Finding{Check: check, Level: LevelFail, Detail: detail, Mend: mend})
}

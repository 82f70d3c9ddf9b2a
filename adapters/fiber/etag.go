package fiberhttp

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/raven-memory/raven/core"
)

// maxTags bounds how many versions an If-Match may name.
const maxTags = 16

// versionTag is the strong entity tag of a version. What changes without a new
// version is counted in more.
func versionTag(version int64, more ...int64) string {
	tag := `"v` + strconv.FormatInt(version, 10)
	for _, n := range more {
		tag += "." + strconv.FormatInt(n, 10)
	}
	return tag + `"`
}

// whenMatch runs a change under the request's If-Match: with each version that
// it names until one is the right one, with 0 when any will do. A tag that is
// weak or not one of ours matches nothing.
func whenMatch[T any](r *request, change func(ifVersion int64) (T, error)) (T, error) {
	var out T
	var err error
	for _, version := range ifMatch(r.header(fiber.HeaderIfMatch)) {
		if out, err = change(version); !core.Is(err, core.CodePreconditionFailed) {
			return out, err
		}
	}
	return out, err
}

// noVersion is one that nothing has.
const noVersion = -1

func ifMatch(values []string) []int64 {
	if len(values) == 0 {
		return []int64{0}
	}
	versions := []int64{}
	for _, tag := range tags(values) {
		if tag == "*" {
			return []int64{0}
		}
		if v, ok := tagVersion(tag); ok && len(versions) < maxTags {
			versions = append(versions, v)
		}
	}
	if len(versions) == 0 {
		return []int64{noVersion}
	}
	return versions
}

// tagVersion reads the version of a strong tag; what follows a point changes
// without a new version, and is nothing that a change would overwrite.
func tagVersion(tag string) (int64, bool) {
	inner, ok := strings.CutPrefix(tag, `"v`)
	inner, closed := strings.CutSuffix(inner, `"`)
	inner, _, _ = strings.Cut(inner, ".")
	v, err := strconv.ParseInt(inner, 10, 64)
	return v, ok && closed && err == nil && v > 0
}

// noneMatch reports whether If-None-Match names the tag, compared weakly.
func noneMatch(values []string, tag string) bool {
	for _, t := range tags(values) {
		if t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}

// tags splits lists of entity tags. A comma within a tag, which ours never
// have, makes pieces that match nothing.
func tags(values []string) []string {
	var out []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			if tag = strings.TrimSpace(tag); tag != "" {
				out = append(out, tag)
			}
		}
	}
	return out
}

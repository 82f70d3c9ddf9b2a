package fiberhttp

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"

	"github.com/gofiber/fiber/v2"

	"github.com/raven-memory/raven/core"
)

const (
	pathConsole = "/console"
	consolePage = "index.html"
	// consolePolicy lets the page run its own files and call its own server, and
	// nothing else.
	consolePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

// consoleTypes are the kinds of file that a console may have.
var consoleTypes = map[string]string{
	".html": mimeHTML,
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// consoleFile is a file of the console as it is answered.
type consoleFile struct {
	body       []byte
	mime, etag string
}

// readConsole reads the console's files by their paths; nil gives none.
func readConsole(files fs.FS) (map[string]consoleFile, error) {
	out := map[string]consoleFile{}
	if files == nil {
		return out, nil
	}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		mime, known := consoleTypes[path.Ext(name)]
		if !known {
			return fmt.Errorf("%s is of no kind that the console has", name)
		}
		body, err := fs.ReadFile(files, name)
		hash := sha256.Sum256(body)
		out[name] = consoleFile{body, mime, `"` + base64.RawURLEncoding.EncodeToString(hash[:16]) + `"`}
		return err
	})
	return out, err
}

// addConsole adds the console's files beside the page, which alone is in the
// table. Browsers may keep them, and ask each time whether they are the same.
func (s *Server) addConsole() {
	s.app.Get(pathConsole+"/*", func(c *fiber.Ctx) error { // and HEAD
		x := exchangeOf(c.Context())
		x.route = pathConsole + "/{file}"
		r := &request{ctx: s.base, x: x, header: func(name string) []string { return headerValues(c, name) }}
		if err := s.serveConsole(r, c.Params("*")); err != nil {
			x.fail(err)
		}
		return nil
	})
}

func (s *Server) serveConsole(r *request, name string) error {
	if name == "" { // a slash too many
		r.x.http.Response.Header.Set(fiber.HeaderLocation, "../console")
		r.x.http.SetStatusCode(http.StatusPermanentRedirect)
		return nil
	}
	file, found := s.console[name]
	if !found || name == consolePage {
		return core.NotFound()
	}
	r.x.http.Response.Header.Set(fiber.HeaderCacheControl, "no-cache")
	return s.reply(r, answer{status: http.StatusOK, raw: file.body, mime: file.mime, etag: file.etag})
}

func (s *Server) getConsole(r *request) (answer, error) {
	file, found := s.console[consolePage]
	if !found {
		return answer{}, core.NotFound()
	}
	h := &r.x.http.Response.Header
	h.Set("Content-Security-Policy", consolePolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	return answer{status: http.StatusOK, raw: file.body, mime: file.mime}, nil
}

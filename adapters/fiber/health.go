package fiberhttp

import (
	"context"
	"net/http"
	"time"
)

// checkTime bounds what /readyz waits for.
const checkTime = 2 * time.Second

type healthJSON struct {
	Status string `json:"status" enum:"alive"`
}

type readinessJSON struct {
	Status       string           `json:"status" enum:"ready,unavailable,stopping"`
	Dependencies []dependencyJSON `json:"dependencies"`
}

type dependencyJSON struct {
	Name     string `json:"name"`
	State    string `json:"state" enum:"up,down"`
	Required bool   `json:"required" doc:"Writes need it: while it is down, the server is not ready."`
}

func (s *Server) getHealth(*request) (answer, error) { return ok(healthJSON{Status: "alive"}) }

func (s *Server) getReadiness(r *request) (answer, error) {
	out := readinessJSON{Status: "ready"}
	for i, err := range s.ping(r.ctx) {
		check := s.Checks[i]
		d := dependencyJSON{Name: check.Name, State: "up", Required: check.Required}
		if err != nil {
			d.State = "down"
			s.report(r, "the check of "+check.Name, err)
			if check.Required {
				out.Status = "unavailable"
			}
		}
		out.Dependencies = append(out.Dependencies, d)
	}
	if s.draining.Load() {
		out.Status = "stopping"
	}
	if out.Status != "ready" {
		return answer{status: http.StatusServiceUnavailable, body: out}, nil
	}
	return ok(out)
}

// ping asks all checks at once.
func (s *Server) ping(ctx context.Context) []error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	type result struct {
		i   int
		err error
	}
	results := make(chan result, len(s.Checks))
	for i, check := range s.Checks {
		go func() { results <- result{i, check.Ping(ctx)} }()
	}
	errs := make([]error, len(s.Checks))
	for i := range errs {
		errs[i] = context.DeadlineExceeded
	}
	for range s.Checks {
		select {
		case got := <-results:
			errs[got.i] = got.err
		case <-ctx.Done():
			return errs
		}
	}
	return errs
}

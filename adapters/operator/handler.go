// Package operator is the door of the deployment's operator: tenants and API
// keys of all of them, as JSON over HTTP. It authenticates nobody. Who may call
// is decided by where the handler is put: behind a Unix socket that its owner
// alone reaches, or within the process of a command. A Client speaks to either.
package operator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/raven-memory/raven/core"
	"github.com/raven-memory/raven/core/keys"
	"github.com/raven-memory/raven/core/sealing"
	"github.com/raven-memory/raven/core/tenancy"
)

// maxBody bounds a request; nothing that is asked for is large.
const maxBody = 64 << 10

// Services are the domain's.
type Services struct {
	Tenancy *tenancy.Service
	Keys    *keys.Service
	Sealing *sealing.Service
}

// handler answers the operator. Safe for concurrent use.
type handler struct {
	Services
}

// NewHandler makes what answers the operator. Each change records its event as
// every other does, with the system as its actor.
func NewHandler(s Services) http.Handler {
	s.Tenancy = s.Tenancy.Operator()
	h := &handler{s}
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (int, any, error){
		"POST /v1/tenants":                       h.createTenant,
		"GET /v1/tenants":                        h.listTenants,
		"GET /v1/tenants/{tenant}":               h.showTenant,
		"DELETE /v1/tenants/{tenant}":            h.deleteTenant,
		"POST /v1/tenants/{tenant}/suspend":      h.suspendTenant,
		"POST /v1/tenants/{tenant}/resume":       h.resumeTenant,
		"PATCH /v1/tenants/{tenant}/quotas":      h.setQuotas,
		"GET /v1/tenants/{tenant}/keys":          h.listKeys,
		"POST /v1/tenants/{tenant}/keys":         h.createKey,
		"DELETE /v1/tenants/{tenant}/keys/{key}": h.revokeKey,
	} {
		mux.HandleFunc(pattern, answering(do))
	}
	return mux
}

// answering writes what do returns, or its error.
func answering(do func(*http.Request) (int, any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		status, body, err := do(r)
		if err != nil {
			status, body = failureOf(err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusNoContent {
			_ = json.NewEncoder(w).Encode(body) // who does not listen any more hears nothing
		}
	}
}

// failureOf gives an error to the operator, who may know its cause too.
func failureOf(err error) (int, failure) {
	detail := failureDetail{Code: core.CodeOf(err), Message: err.Error()}
	var known *core.Error
	if errors.As(err, &known) {
		detail.Message = known.Message
		if known.Cause != nil {
			detail.Message += " (" + known.Cause.Error() + ")"
		}
	}
	statuses := map[core.Code]int{
		core.CodeBadRequest: http.StatusBadRequest, core.CodeValidation: http.StatusUnprocessableEntity,
		core.CodeNotFound: http.StatusNotFound, core.CodeEmailTaken: http.StatusConflict,
		core.CodeLastAdminKey: http.StatusConflict, core.CodeVersionConflict: http.StatusConflict,
		core.CodeQuotaExhausted: http.StatusForbidden, core.CodeKeyUnavailable: http.StatusLocked,
		core.CodeUnavailable: http.StatusServiceUnavailable, core.CodeKeyManagement: http.StatusServiceUnavailable,
	}
	status, ok := statuses[detail.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	return status, failure{detail}
}

// decode reads a body strictly.
func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return core.NewError(core.CodeBadRequest, "The body is not what this takes: %s", err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return core.NewError(core.CodeBadRequest, "There is something after the body's value.")
	}
	return nil
}

// tenantOf is the tenant that the path names, as a caller with every right.
func tenantOf(r *http.Request) (core.Caller, error) {
	id := core.TenantID(r.PathValue("tenant"))
	if !id.Valid() {
		return core.Caller{}, core.NotFound()
	}
	return core.Caller{Tenant: id, Scopes: core.FullAccess}, nil
}

// limitOf is the query's limit, within bounds.
func limitOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || n < 1 || n > core.MaxPage {
		return core.MaxPage
	}
	return n
}

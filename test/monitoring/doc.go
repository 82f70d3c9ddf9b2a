// Package monitoring holds what deploy/ gives to Prometheus and Grafana against
// a running server.
package monitoring

// Package backend gives tests the real servers that they talk to: Redis on its
// own, with replicas, as a Cluster, watched by Sentinels; PostgreSQL; Vault;
// a proxy that harms connections; a collector of traces; and promtool.
//
// A server comes from the first of these that has it, and the test's log says
// which:
//
//  1. RAVEN_TEST_REDIS_URL, RAVEN_TEST_POSTGRES_URL, and RAVEN_TEST_VAULT_URL with
//     its root token in RAVEN_TEST_VAULT_TOKEN: a server for tests that runs
//     already. Only the shared servers come from there; a server of a
//     test's own may be killed.
//  2. Docker, where an engine answers within a second and has, or can pull, the
//     image. RAVEN_TEST_DOCKER=off never asks; RAVEN_TEST_DOCKER=require fails
//     the test where it does not serve.
//  3. The program on this machine: redis-server on the path, postgres in
//     /usr/lib/postgresql.
//  4. apt-get, for root on Debian. Vault is no package; it is built, in some
//     minutes, from the sources that test/vaultserver names, once for the user's
//     cache.
//
// Where none serves, the test fails and says what to install; no test is ever
// skipped. Clusters, Sentinels, replicas and TLS take the program at once.
//
// Every server listens on the loopback alone, on a free port, keeps its data in
// a directory of its own, ends with the test or the test's process, and shows
// its log when the test fails. All waiting is bounded.
package backend

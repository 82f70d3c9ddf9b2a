// Package ports holds the interfaces that core needs of the world, in core's
// own types and nothing else. Each port has a contract suite in test/contract,
// which every adapter of it passes; the suite is the port's definition.
//
// What holds for every method of a store port, and is not said again:
//
//   - The tenant comes right after the context. An id that is not Valid, or
//     that belongs to another tenant or user, is answered exactly like one that
//     never existed: CodeNotFound. So is every call for a tenant that does not
//     exist or was deleted.
//   - A mutation is one step: all of it happens, or nothing does, also when the
//     process dies in it. What it returns without an error is durable.
//   - A mutation takes an Op. Run again with the same Op.ID by the same tenant,
//     it changes nothing and returns what the first run returned. An empty
//     Op.ID is remembered by nobody. A step that failed is not remembered.
//   - The events handed to a step are recorded in the same step, in order, each
//     with the tenant's next Seq. A step that fails records none, save
//     quota.exhausted where it is said.
//   - A context that is done before the step began: its error, nothing changed.
//     Done while it runs: the step happened whole or not at all.
//   - A store that cannot be reached, is full or read-only, or answers late:
//     CodeUnavailable. Nothing half-done. A step that would record an event where
//     the tenant's outbox is full: the same, caused by core.ErrOutboxFull.
//   - Times keep milliseconds and come back in UTC. Slices handed in are not
//     kept or changed; slices handed out belong to the caller.
//   - Safe for concurrent use.
package ports

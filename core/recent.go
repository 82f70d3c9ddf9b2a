package core

import "sync"

// Recent is a map of what was used lately, of at most Keep entries. What was not
// used for long goes first, in two generations. Its zero value with a Keep is ready;
// it is safe for concurrent use.
type Recent[K comparable, V any] struct {
	Keep int

	mu         sync.Mutex
	young, old map[K]V
}

// Get gives what a key stands for.
func (r *Recent[K, V]) Get(key K) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok = r.young[key]; ok {
		return value, true
	}
	if value, ok = r.old[key]; ok {
		r.put(key, value)
	}
	return value, ok
}

// Put has a key stand for a value.
func (r *Recent[K, V]) Put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(key, value)
}

func (r *Recent[K, V]) put(key K, value V) {
	if r.young == nil || len(r.young) >= r.Keep/2 {
		r.young, r.old = map[K]V{}, r.young
	}
	r.young[key] = value
}

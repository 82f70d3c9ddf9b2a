package config

// TableOf is the table bound to c's fields.
func TableOf(c *Config) []Key { return c.keys() }

// Target is the address of the field that the key sets.
func (k Key) Target() any { return k.target }

// Set sets the field that the key is bound to.
func (k Key) Set(text string) error { return k.set(text) }

// Text is the value of the field that the key is bound to.
func (k Key) Text() string { return k.text() }

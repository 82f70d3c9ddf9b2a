// Package demo walks Raven's main job over real HTTP with a sample conversation
// and prints each call as a curl line with its answer.
package demo

// exchange is what is said in one go: one ingest call.
type exchange struct {
	at    string // RFC 3339
	turns []turn
}

type turn struct {
	role, name, content string
}

// sample is a conversation between a person and an agent, on three days.
var sample = []exchange{
	{"2026-03-02T09:14:00Z", []turn{
		{"user", "Maya", "Hi! I've just moved to Lisbon with my dog Biscuit and I'm still living out of boxes."},
		{"assistant", "", "Welcome to Lisbon! What would help you settle in most right now?"},
	}},
	{"2026-03-02T09:16:00Z", []turn{
		{"user", "Maya", "A vet near Alfama would be great. And note that I'm allergic to penicillin, in case you ever book me a doctor."},
		{"assistant", "", "Noted: you are allergic to penicillin. For Biscuit, Clínica do Castelo in Alfama takes new patients."},
	}},
	{"2026-03-02T09:19:00Z", []turn{
		{"user", "Maya", "Perfect. I start at the new job on Monday, at a company that builds wind turbines."},
		{"assistant", "", "Good luck on Monday! Engineering, or another side of it?"},
		{"user", "Maya", "Structural engineering. I'm responsible for the tower foundations."},
	}},
	{"2026-03-19T18:40:00Z", []turn{
		{"user", "Maya", "My sister Ines is visiting at Easter. She is vegetarian and loves fado."},
		{"assistant", "", "For both at once: Mesa de Frades has fado on Thursdays and a vegetarian menu if you book ahead."},
	}},
	{"2026-03-19T18:43:00Z", []turn{
		{"user", "Maya", "Please book it for three people on the second of April, at half past eight."},
		{"assistant", "", "Booked: Mesa de Frades, Thursday 2 April, 20:30, three people, vegetarian menu."},
	}},
	{"2026-04-20T07:55:00Z", []turn{
		{"user", "Maya", "Biscuit limped this morning, so the vet appointment moved to Wednesday at ten."},
		{"assistant", "", "I've moved it: Clínica do Castelo, Wednesday 22 April, 10:00. I hope Biscuit is better soon."},
	}},
}

// question is what the agent asks Raven before its next answer.
const question = "Which medicine is Maya allergic to?"

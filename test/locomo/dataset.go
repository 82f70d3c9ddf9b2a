// Package locomo reads LoCoMo (Maharana et al., "Evaluating Very Long-Term
// Conversational Memory of LLM Agents", ACL 2024) and measures evidence recall on
// it. The data is not part of Raven: its licence, CC BY-NC 4.0, allows evaluation
// only.
package locomo

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Sample is one long conversation between two people, with questions about it:
//
//	[{"sample_id", "speakers": [first, second],
//	  "sessions": [{"session": 1, "date_time": "1:56 pm on 8 May, 2023",
//	    "turns": [{"dia_id", "speaker", "text", "blip_caption"?}]}],
//	  "questions": [{"question", "category": 1…5, "evidence": [dia_id]}]}]
type Sample struct {
	ID        string     `json:"sample_id"`
	Speakers  []string   `json:"speakers"`
	Sessions  []Session  `json:"sessions"`
	Questions []Question `json:"questions"`
}

// Session is one sitting of a conversation.
type Session struct {
	DateTime string `json:"date_time"`
	Turns    []Turn `json:"turns"`
}

// Turn is what somebody said. Load sets Role and At.
type Turn struct {
	ID      string `json:"dia_id"`
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
	Caption string `json:"blip_caption"`

	Role string    `json:"-"` // user, who spoke first, or assistant
	At   time.Time `json:"-"`
}

// Question is asked about a sample, with the turns that its answer is in.
type Question struct {
	Question string   `json:"question"`
	Category int      `json:"category"`
	Evidence []string `json:"evidence"`
}

// Adversarial is the category of questions without an answer.
const Adversarial = 5

// turnPause is the time between two turns of a session, for the data has none.
const turnPause = 5 * time.Second

// Counts reports whether the question has an answer whose place is known.
func (q Question) Counts() bool { return q.Category != Adversarial && len(q.Evidence) > 0 }

// Content is the turn as it is stored.
func (t Turn) Content() string {
	if t.Caption == "" {
		return t.Text
	}
	return t.Text + " [shares a photo: " + t.Caption + "]"
}

// Load reads the data and gives each turn its role and time. With
// oneConversation a sample has a single session.
func Load(path string, oneConversation bool) ([]Sample, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var samples []Sample
	if err := json.Unmarshal(raw, &samples); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i := range samples {
		s := &samples[i]
		if len(s.Speakers) == 0 {
			return nil, fmt.Errorf("%s: sample %d has no speakers", path, i)
		}
		for j := range s.Sessions {
			if err := s.Sessions[j].date(s.Speakers[0]); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, s.ID, err)
			}
		}
		if oneConversation {
			s.Sessions = []Session{joined(s.Sessions)}
		}
	}
	return samples, nil
}

func (s *Session) date(first string) error {
	start, err := time.Parse("3:04 pm on 2 January, 2006", s.DateTime)
	if err != nil {
		return err
	}
	for i := range s.Turns {
		t := &s.Turns[i]
		t.At = start.Add(time.Duration(i) * turnPause)
		t.Role = "assistant"
		if t.Speaker == first {
			t.Role = "user"
		}
	}
	return nil
}

func joined(list []Session) Session {
	var all Session
	for _, s := range list {
		all.Turns = append(all.Turns, s.Turns...)
	}
	return all
}

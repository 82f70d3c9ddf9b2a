package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// sample is one long conversation between two people, with questions about it:
//
//	[{"sample_id", "speakers": [first, second],
//	  "sessions": [{"session": 1, "date_time": "1:56 pm on 8 May, 2023",
//	    "turns": [{"dia_id", "speaker", "text", "blip_caption"?}]}],
//	  "questions": [{"question", "category": 1…5, "evidence": [dia_id]}]}]
type sample struct {
	ID        string     `json:"sample_id"`
	Speakers  []string   `json:"speakers"`
	Sessions  []session  `json:"sessions"`
	Questions []question `json:"questions"`
}

type session struct {
	DateTime string `json:"date_time"`
	Turns    []turn `json:"turns"`
}

type turn struct {
	ID      string `json:"dia_id"`
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
	Caption string `json:"blip_caption"`

	role string
	at   time.Time
}

type question struct {
	Question string   `json:"question"`
	Category int      `json:"category"`
	Evidence []string `json:"evidence"`
}

// adversarial is the category of questions without an answer.
const adversarial = 5

// turnPause is the time between two turns of a session, for the data has none.
const turnPause = 5 * time.Second

func (q question) counts() bool { return q.Category != adversarial && len(q.Evidence) > 0 }

// content is the turn as it is stored.
func (t turn) content() string {
	if t.Caption == "" {
		return t.Text
	}
	return t.Text + " [shares a photo: " + t.Caption + "]"
}

// load reads the data and gives each turn its role and time. With
// oneConversation a sample has a single session.
func load(path string, oneConversation bool) ([]sample, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var samples []sample
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
			s.Sessions = []session{joined(s.Sessions)}
		}
	}
	return samples, nil
}

func (s *session) date(first string) error {
	start, err := time.Parse("3:04 pm on 2 January, 2006", s.DateTime)
	if err != nil {
		return err
	}
	for i := range s.Turns {
		t := &s.Turns[i]
		t.at = start.Add(time.Duration(i) * turnPause)
		t.role = "assistant"
		if t.Speaker == first {
			t.role = "user"
		}
	}
	return nil
}

func joined(list []session) session {
	var all session
	for _, s := range list {
		all.Turns = append(all.Turns, s.Turns...)
	}
	return all
}

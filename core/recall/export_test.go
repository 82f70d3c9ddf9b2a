package recall

import "context"

// WriteWaiting writes the segments that wait to be written.
func (s *Service) WriteWaiting(ctx context.Context) {
	for {
		select {
		case p := <-s.store.segments.queue:
			s.store.writeNext(ctx, p)
		default:
			return
		}
	}
}

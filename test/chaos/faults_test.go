package chaos

import (
	"syscall"
	"time"

	"github.com/raven-memory/raven/test/backend"
)

// add makes more kinds of harm possible.
func (w *world) add(faults ...fault) { w.faults = append(w.faults, faults...) }

// harmNodes are what may be done to ravens.
func (w *world) harmNodes() {
	w.add(fault{"raven killed", func() {
		n := w.any()
		n.server.Kill()
		w.hold(0, 200)
		n.start()
	}}, fault{"raven frozen", func() {
		n := w.any()
		_ = syscall.Kill(n.server.Pid(), syscall.SIGSTOP)
		w.hold(100, 1000)
		_ = syscall.Kill(n.server.Pid(), syscall.SIGCONT)
	}}, fault{"raven's clock moved", func() {
		n := w.any()
		by := time.Duration(1+w.rand.IntN(6*60)) * time.Minute
		if w.rand.IntN(2) == 0 {
			by = -by
		}
		n.move(by)
		w.later = func() { n.move(0) }
	}}, fault{"raven killed, its clock ahead until then", func() {
		n := w.any()
		n.move(time.Duration(1+w.rand.IntN(6)) * time.Hour)
		w.hold(100, 300)
		n.server.Kill()
		n.move(0)
		n.start()
	}}, fault{"clients cut off", func() {
		w.book.hangUp()
	}})
}

// killable is a server.
type killable interface {
	Kill()
	Restart()
}

// harmServer is what may be done to a server.
func (w *world) harmServer(name string, server killable) {
	w.add(fault{name + " killed", func() {
		server.Kill()
		w.hold(0, 500)
		server.Restart()
	}})
}

// harmLinks are what may be done to connections that Raven has to a server; to
// one of them, where it has several nodes.
func (w *world) harmLinks(name string, proxies ...*backend.ProxyServer) {
	proxy := func() *backend.ProxyServer { return proxies[w.rand.IntN(len(proxies))] }
	w.add(fault{name + " cut", func() {
		proxy().Cut()
	}}, fault{name + " frozen, all late", func() {
		p := proxy()
		p.Freeze(true)
		w.hold(100, 3000)
		p.Freeze(false)
	}}, fault{name + " frozen, all lost", func() {
		p := proxy()
		p.Freeze(true)
		w.hold(100, 3000)
		p.Cut()
		p.Freeze(false)
	}}, fault{name + " slow", func() {
		p := proxy()
		p.Delay(time.Duration(20+w.rand.IntN(200)) * time.Millisecond)
		w.hold(200, 800)
		p.Delay(0)
	}}, fault{name + " cut after a request", func() {
		for range 3 {
			p := proxy()
			select {
			case <-p.CutAfterRequest():
			case <-time.After(time.Second): // nobody asks
			}
		}
	}})
}

// harmDisk fills the disk of a server that is started again then: it may have
// ended by itself.
func (w *world) harmDisk(name string, d *disk, server killable) {
	w.add(fault{"disk of " + name + " full", func() {
		d.fill()
		w.hold(200, 1200)
		d.clear()
		server.Restart()
	}})
}

// harmFiles are what may be done to the files of an embedded store.
func (w *world) harmFiles(d *disk) {
	w.add(fault{"no file may grow", func() {
		n := w.any()
		limitFiles(w.t, n.server.Pid(), 0)
		w.hold(200, 1200)
		limitFiles(w.t, n.server.Pid(), noLimit)
	}})
	if d == nil {
		return
	}
	w.add(fault{"disk full", func() {
		d.fill()
		w.hold(200, 1200)
		d.clear()
	}}, fault{"raven killed, its disk full until then", func() {
		n := w.any()
		d.fill()
		w.hold(200, 700)
		n.server.Kill()
		d.clear()
		n.start()
	}})
}

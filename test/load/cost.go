package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// clockTick is the unit of processor time in /proc, USER_HZ: 100 on every Linux.
const clockTick = time.Second / 100

// usage is the processor time that a measurement's processes have used so far.
// Unlike a rate, what a request adds to it hardly depends on what else the
// machine does.
type usage struct{ server, redis time.Duration }

func (u usage) minus(earlier usage) usage {
	return usage{u.server - earlier.server, u.redis - earlier.redis}
}

// usageOf asks the processes and, where there is one, Redis.
func usageOf(ctx context.Context, processes []int, redis *goredis.Client) (u usage, err error) {
	for _, pid := range processes {
		took, err := cpuTime(pid)
		if err != nil {
			return usage{}, err
		}
		u.server += took
	}
	if redis != nil {
		u.redis, err = redisTime(ctx, redis)
	}
	return u, err
}

// cpuTime is what a process has used, in user and kernel mode, as proc(5) has it.
func cpuTime(pid int) (time.Duration, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(raw), ") ") // after the command's name
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	kernel, failed := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+kernel) * clockTick, errors.Join(err, failed)
}

// redisTime is what Redis has used, without the children that rewrite its file.
func redisTime(ctx context.Context, client *goredis.Client) (time.Duration, error) {
	user, err := redisFigure(ctx, client, "cpu", "used_cpu_user")
	kernel, failed := redisFigure(ctx, client, "cpu", "used_cpu_sys")
	return time.Duration((user + kernel) * float64(time.Second)), errors.Join(err, failed)
}

// redisFigure reads a number of a section of INFO.
func redisFigure(ctx context.Context, client *goredis.Client, section, name string) (float64, error) {
	info, err := client.Info(ctx, section).Result()
	if err != nil {
		return 0, err
	}
	return figure(info, name+":")
}

// figure finds the number after a line's beginning.
func figure(text, begins string) (float64, error) {
	for line := range strings.Lines(text) {
		if number, ok := strings.CutPrefix(line, begins); ok {
			return strconv.ParseFloat(strings.TrimSpace(number), 64)
		}
	}
	return 0, fmt.Errorf("there is no %q", begins)
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// RunWith starts a server, runs the command argv with it and stops the server. The command gets our environment and what env
// makes of the server's URL. When ctx ends, the command is interrupted, and killed 10 seconds later. The exit code is the
// command's; it is -1, with an error, when the command could not run or a signal ended it.
func RunWith(ctx context.Context, cfg Config, argv []string, env func(url string) []string) (exitCode int, err error) {
	if len(argv) == 0 {
		return -1, errors.New("postgres: no command to run")
	}
	srv, err := Start(ctx, cfg)
	if err != nil {
		return -1, err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, srv.Stop(stopping))
	}()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env(srv.URL())...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return -1, fmt.Errorf("postgres: %s: %w", argv[0], err)
	}
	return 0, nil
}

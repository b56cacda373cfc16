package projections

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// How the secondary indexes of a generation are made.
const (
	indexers = 2 // connections that make indexes side by side

	// indexSettings: the statistics that plans need at first are a rough sample, which takes a third of the time of a full one.
	// Autovacuum takes that as soon as a tenth of a table has changed. That the generation is indexed is noted in a commit that
	// waits for the disk, and so for these.
	indexSettings = `SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL default_statistics_target = 30; SET LOCAL synchronous_commit = off;`
)

// index makes the secondary indexes, unless they are there, and gives the planner its statistics.
func (b *build) index(ctx context.Context) error {
	if b.gen.Indexed {
		return nil
	}
	if err := b.dropIndexes(ctx); err != nil {
		return err
	}
	before, indexes := b.view.indexStatements()
	for _, sql := range before {
		if err := b.inSchema(ctx, sql); err != nil {
			return fmt.Errorf("indexes: %w", err)
		}
	}
	statements := indexes
	for _, table := range b.view.TableNames() { // which waits until its indexes are there
		statements = append(statements, `ANALYZE `+quote(table))
	}
	if err := b.sideBySide(ctx, statements); err != nil {
		return fmt.Errorf("indexes: %w", err)
	}
	_, err := b.engine.DB.Exec(ctx, `UPDATE portal.generation SET indexed = true WHERE id = $1`, b.gen.ID)
	b.gen.Indexed = err == nil
	return err
}

// dropIndexes drops what a build has left that ended between its indexes.
func (b *build) dropIndexes(ctx context.Context) error {
	rows, err := b.engine.DB.Query(ctx, `SELECT format('DROP INDEX %I.%I', n.nspname, c.relname) FROM pg_index i
		JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)`, b.gen.Schema)
	if err != nil {
		return err
	}
	drops, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(drops) == 0 {
		return err
	}
	_, err = b.engine.DB.Exec(ctx, strings.Join(drops, ";"))
	return err
}

func (b *build) inSchema(ctx context.Context, sql string) error {
	return pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error { return execIn(ctx, tx, b.gen.Schema, endFrozen+indexSettings+sql) })
}

// sideBySide runs statements, each in a transaction of its own, on several connections.
func (b *build) sideBySide(ctx context.Context, statements []string) error {
	next := make(chan string, len(statements))
	for _, sql := range statements {
		next <- sql
	}
	close(next)
	errs := make([]error, indexers)
	var working sync.WaitGroup
	for i := range errs {
		working.Go(func() {
			for sql := range next {
				if errs[i] = b.inSchema(ctx, sql); errs[i] != nil {
					return
				}
			}
		})
	}
	working.Wait()
	return errors.Join(errs...)
}

var (
	sqlComment  = regexp.MustCompile(`--[^\n]*`)
	createIndex = regexp.MustCompile(`(?i)^CREATE\s+(UNIQUE\s+)?INDEX\s`)
)

// indexStatements are the statements of Indexes: those that make indexes, which need no order, and what comes before them.
func (v View) indexStatements() (before, indexes []string) {
	for sql := range strings.SplitSeq(sqlComment.ReplaceAllString(v.Indexes, ""), ";") {
		switch sql = strings.TrimSpace(sql); {
		case createIndex.MatchString(sql):
			indexes = append(indexes, sql)
		case sql != "":
			before = append(before, sql)
		}
	}
	return before, indexes
}

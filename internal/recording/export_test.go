package recording

import "context"

// StoreAndSweep stores what is complete, and after pass removes it from the hot tail.
func (w *Writer) StoreAndSweep(ctx context.Context, pass func()) {
	if _, err := w.storeAll(ctx); err != nil {
		panic(err)
	}
	pass()
	w.sweep()
}

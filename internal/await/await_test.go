package await_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"liveclip/internal/await"
)

func TestNobodyIsWaitedForWhoHasLeft(t *testing.T) {
	gone, leave := context.WithCancel(t.Context())
	leave()
	if err := await.For(gone, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := await.For(t.Context(), -time.Second); err != nil {
		t.Errorf("error %v", err)
	}
}

package proxy

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestTheLongestBlockedAnswerOfAClientAboveItsQuarterGivesWay(t *testing.T) {
	p := &parkedAnswers{limit: 100}
	var honest, greedy clientAccount
	entries := make([]parkedAnswer, 12)
	for i := range entries {
		entries[i].stream = uint32(i)
	}
	p.enter(&entries[0], &honest, 10) // the oldest of all
	for i := 1; i < 10; i++ {
		if p.enter(&entries[i], &greedy, 10) {
			t.Fatalf("got the room used up by %d bytes, want 100 to fit", p.held)
		}
	}
	p.moved(&entries[1]) // its client takes a part of it
	if !p.enter(&entries[10], &greedy, 10) {
		t.Fatal("got room for 110 bytes, want 100 at most")
	}
	v, ok := p.victim()
	if !ok || v.stream != 2 || v.held != 100 {
		t.Errorf("got the victim %+v, want stream 2, whose client holds 100", v)
	}
	if v, ok := p.victim(); ok {
		t.Errorf("got the victim %+v, want none: the others have room", v)
	}
	p.leave(&entries[2]) // it was removed already
	if p.held != 100 || honest.parked != 10 || greedy.parked != 90 || p.resets() != 1 {
		t.Errorf("got %d bytes held, %d and %d, and %d resets", p.held, honest.parked, greedy.parked, p.resets())
	}
}

func TestWithoutAClientAboveItsQuarterTheLongestBlockedAnswerOfAllGivesWay(t *testing.T) {
	p := &parkedAnswers{limit: 100}
	accounts := make([]clientAccount, 11)
	entries := make([]parkedAnswer, 11)
	for i := range entries {
		entries[i].stream = uint32(i)
		p.enter(&entries[i], &accounts[i], 10)
	}
	if v, ok := p.victim(); !ok || v.stream != 0 {
		t.Errorf("got the victim %+v, want stream 0", v)
	}
}

// TestParkedAnswersAgreeWithAModel runs random sequences against a plain list.
func TestParkedAnswersAgreeWithAModel(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 8))
		p := &parkedAnswers{limit: 1000}
		accounts := make([]clientAccount, 1+random.IntN(8))
		entries := make([]parkedAnswer, 64)
		var model []int
		heldBy := func(account *clientAccount) (sum int64) {
			for _, i := range model {
				if account == nil || entries[i].account == account {
					sum += entries[i].cost
				}
			}
			return sum
		}
		for range 500 {
			i := random.IntN(len(entries))
			at := slices.Index(model, i)
			switch random.IntN(3) {
			case 0:
				if at >= 0 {
					continue
				}
				entries[i].stream = uint32(i)
				p.enter(&entries[i], &accounts[random.IntN(len(accounts))], int64(1+random.IntN(200)))
				model = append(model, i)
			case 1:
				p.leave(&entries[i])
				if at >= 0 {
					model = slices.Delete(model, at, at+1)
				}
			case 2:
				p.moved(&entries[i])
				if at >= 0 {
					model = append(slices.Delete(model, at, at+1), i)
				}
			}
			for heldBy(nil) > p.limit {
				want := slices.IndexFunc(model, func(i int) bool { return heldBy(entries[i].account) > p.limit/4 })
				want = max(want, 0)
				v, ok := p.victim()
				if !ok || int(v.stream) != model[want] {
					t.Fatalf("seed %d: got the victim %d, %v, want %d", seed, v.stream, ok, model[want])
				}
				model = slices.Delete(model, want, want+1)
			}
			if v, ok := p.victim(); ok {
				t.Fatalf("seed %d: got the victim %d, want none", seed, v.stream)
			}
			if p.held != heldBy(nil) {
				t.Fatalf("seed %d: got %d bytes held, want %d", seed, p.held, heldBy(nil))
			}
		}
	}
}

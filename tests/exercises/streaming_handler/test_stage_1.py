"""Stage 1: from chunks to events."""

from __future__ import annotations

from functools import lru_cache

from burnin.script import Script
from burnin.suite import Call, Effect, History, Play, promise, require

from .expected import Answer, Told, stop_at, whole
from .facts import Reader, ended, released
from .scripts import consumed

CONSUMED = consumed()


class Given:
    """What a call of `events` gave: (what it says, when, sequence number, how long the consumer then rests)."""

    def __init__(self, history: History) -> None:
        self.call: Call = history.calls_of("events")[0]
        self.nexts: list[Effect] = history.effects_of("next")
        self.stop = self.call.kwargs.get("stop", ())
        self.chunks: list[bytes] = [data for data, _, _ in history.worlds["upstream"].chunks]
        (step,) = history.script.actors[""]
        assert step.consume is not None
        rests = [seconds for seconds, _ in step.consume.pauses] + [0.0] * len(self.call.items)
        reader = Reader()
        self.items: list[tuple[Told, float, int, float]] = []
        for item, rest in zip(self.call.items, rests, strict=False):
            told = reader.piece(item.value, item.t)
            require(told is not None, "an event", f"{item.value!r}, which dispatches none", item.t)
            assert told is not None
            self.items.append((told, item.t, item.seq, rest))
        self.text = "".join(told.text for told, _, _, _ in self.items)

    @property
    def stops(self) -> bool:
        """Whether a stop string occurs in what the model would write."""
        return stop_at(whole(self.chunks, ()), self.stop) is not None

    def after(self, number: int) -> list[Told]:
        """What was given after this `next` and before the one that followed."""
        begin = self.nexts[number].ended_seq
        end = self.nexts[number + 1].began_seq if number + 1 < len(self.nexts) else self.call.ended_seq
        return [told for told, _, seq, _ in self.items if begin < seq < end]


@lru_cache(maxsize=512)
def given_by(history: History) -> Given:
    """Worked out once for all properties that look at the play. A call that reads or gives nothing keeps no property."""
    given = Given(history)
    require(bool(given.nexts), "`next` to be called", "it never is", given.call.ended)
    require(bool(given.items), "at least one event", "none", given.call.ended)
    return given


@promise(stage=1, points=4, level="core", rule="Well-formed", scripts=CONSUMED, tags=("boundaries",))
def test_well_formed(play: Play, script: Script) -> None:
    "Each item is the bytes of exactly one whole server-sent event that the statement knows."
    given = given_by(play(script))
    for told, at, _, _ in given.items:
        require(told.kind in ("text", "done"), "text and done events", str(told), at)
        require(told.kind != "text" or told.text != "", "no empty text", str(told), at)


@promise(stage=1, points=5, level="core", rule="Text", scripts=CONSUMED, tags=("boundaries",))
def test_text(play: Play, script: Script) -> None:
    "The texts of the events, put together, are the answer, wherever its bytes were cut."
    given = given_by(play(script))
    if not given.stops:
        answer = whole(given.chunks, ())
        require(given.text == answer, f"the text {answer!r}", repr(given.text), given.call.ended)


@promise(stage=1, points=5, level="core", rule="Stop sequences", scripts=CONSUMED, tags=("boundaries",))
def test_stop_sequences(play: Play, script: Script) -> None:
    "The answer ends before the first stop string, even if it is spread over chunks, and next is not called again."
    given = given_by(play(script))
    answer = Answer(given.stop)
    for effect in given.nexts:
        require(not answer.over, "no `next` after a stop string", "`next` is called", effect.began)
        released(answer, effect)
    if given.stops:
        text = whole(given.chunks, given.stop)
        require(given.text == text, f"the text {text!r}", repr(given.text), given.call.ended)


@promise(stage=1, points=4, level="senior", rule="Prompt", scripts=CONSUMED, tags=("order",))
def test_prompt(play: Play, script: Script) -> None:
    "Whatever no later chunk can take back is given out, as one event, before next is called again."
    given = given_by(play(script))
    answer = Answer(given.stop)
    for number, effect in enumerate(given.nexts):
        texts = [told.text for told in released(answer, effect) if told.kind == "text"]
        got = [told.text for told in given.after(number) if told.kind == "text"]
        require(got == texts, f"{_texts(texts)} from this chunk", _texts(got), effect.ended)


@promise(stage=1, points=2, level="core", rule="Ids", scripts=CONSUMED, tags=("boundaries",))
def test_ids(play: Play, script: Script) -> None:
    "The id of a text event is the number of characters of the answer up to the end of that event."
    given = given_by(play(script))
    length = 0
    for told, at, _, _ in given.items:
        length += len(told.text)
        require(told.kind != "text" or told.id == length, f"id {length} on text {told.text!r}", f"id {told.id}", at)


@promise(stage=1, points=2, level="core", rule="Done", scripts=CONSUMED, tags=("order",))
def test_done(play: Play, script: Script) -> None:
    "The last event is done, at once when the answer is over, with the reason and the tokens of all chunks."
    given = given_by(play(script))
    answer = Answer(given.stop)
    made = [told for effect in given.nexts for told in released(answer, effect)]
    dones = [told for told, _, _, _ in given.items if told.kind == "done"]
    require(
        len(dones) == 1 and given.items[-1][0].kind == "done",
        "one done event, the last",
        f"{len(dones)} of {len(given.items)} events",
        given.call.ended,
    )
    require(made[-1] == dones[0], str(made[-1]), str(dones[0]), given.items[-1][1])
    rested = [at + rest for _, at, _, rest in given.items[:-1]]
    due = max([given.nexts[-1].ended, *rested[-1:]])
    require(given.items[-1][1] == due, f"done at {due:g} s", f"at {given.items[-1][1]:g} s", due)
    require(given.call.outcome == "returned", "the iteration to end", ended(given.call), given.call.ended)


@promise(stage=1, points=2, level="senior", rule="On demand", scripts=CONSUMED, tags=("memory",))
def test_on_demand(play: Play, script: Script) -> None:
    "Nothing is read ahead: while the consumer has an event and has not asked for the next one, next is not called."
    given = given_by(play(script))
    for told, at, seq, rest in given.items:
        for effect in given.nexts:
            ahead = effect.ended_seq > seq and effect.began < at + rest
            require(
                not ahead,
                f"no `next` until the consumer asks again at {at + rest:g} s, having got {told}",
                f"`next` from {effect.began:g} s",
                effect.began,
            )


def _texts(texts: list[str]) -> str:
    return " and ".join(f"text {text!r}" for text in texts) or "no text"

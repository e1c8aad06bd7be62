"""How fast a series plays, and where its phases lie on the axis that they differ in. No Qt."""

from __future__ import annotations

from workstation.domain.volume import Stack

DEFAULT_FPS = 20.0
SLOW_FPS = 5.0  # phases of a contrast series, seconds apart: shown one by one, not in real time
SPEEDS = (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0)
_SLOWEST_BEAT_FPS = 4.0


def phase_times_s(stack: Stack) -> tuple[float, ...]:
    """Time of each phase (of its first image that states one); empty where they do not rise."""
    depth = stack.grid.shape[0]
    found: list[float] = []
    for phase in range(stack.phases):
        frames = stack.frames[phase * depth : (phase + 1) * depth]
        time = next((f.time_s for f in frames if f.time_s is not None), None)
        if time is None or (found and time <= found[-1]):
            return ()
        found.append(time)
    return tuple(found)


def natural_fps(stack: Stack) -> float:
    """Frames a second: what the file recommends, else real time of a heartbeat, else 20.

    A heartbeat of n phases from its first to its last time plays in its own RR interval. Phases
    that lie seconds apart play at 5 a second.
    """
    if stack.display_fps > 0:
        return min(max(stack.display_fps, SPEEDS[0]), SPEEDS[-1])
    times = phase_times_s(stack)
    if len(times) < 2:
        return DEFAULT_FPS
    fps = (len(times) - 1) / (times[-1] - times[0])
    if fps < _SLOWEST_BEAT_FPS:
        return SLOW_FPS
    return min(round(fps, 1), SPEEDS[-1])


def next_fps(fps: float, faster: bool) -> float:
    """The next speed of the list."""
    if faster:
        return next((s for s in SPEEDS if s > fps + 1e-9), SPEEDS[-1])
    return next((s for s in reversed(SPEEDS) if s < fps - 1e-9), SPEEDS[0])


def phase_places(stack: Stack) -> tuple[float, ...]:
    """Where each phase lies on its axis, 0..1: by time where times are known, else evenly."""
    if stack.phases < 2:
        return (0.0,) * stack.phases
    times = phase_times_s(stack)
    if times:
        return tuple((t - times[0]) / (times[-1] - times[0]) for t in times)
    return tuple(n / (stack.phases - 1) for n in range(stack.phases))


def phase_at(stack: Stack, share: float) -> int:
    """The phase nearest to a place on the axis, 0..1."""
    places = phase_places(stack)
    return min(range(len(places)), key=lambda n: abs(places[n] - share))

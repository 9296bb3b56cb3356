"""The polyhedral rules of sums, maxima and minima over windows."""

from collections.abc import Callable, Sequence
from typing import Any

from jaxiom.interpret import Rule, Step
from jaxiom.polyhedra.form import Form, Sizes, join, scalar, spread
from jaxiom.polyhedra.polynomial import isl_text
from jaxiom.rules.frame import Frame, Names, equal, kind_of, split
from jaxiom.rules.polyhedral_extremes import maximum, signed


class Windows:
    """The windows of one equation: which entry the tap of a window meets."""

    def __init__(
        self,
        on: Frame,
        step: Step,
        x: Form,
        window_dimensions: Sequence[Any],
        window_strides: Sequence[int],
        padding: Sequence[tuple[Any, Any]],
        base_dilation: Sequence[int],
        window_dilation: Sequence[int],
    ):
        self.on, self.step, self.x = on, step, x
        self.sizes = [on.size(d) for d in window_dimensions]
        self.low = [on.size(low) for low, _ in padding]
        self.strides, self.dilations, self.taps_apart = window_strides, base_dilation, window_dilation
        self.trivial = [
            size == 1 and not on.size(p[0]) and not on.size(p[1]) and s == b == 1
            for size, p, s, b in zip(self.sizes, padding, window_strides, base_dilation, strict=True)
        ]
        axes = on.new_axes(step.outs[0].shape)
        self.axes: list[Sizes] = [x.axes[i] if self.trivial[i] else axes[i] for i in range(len(axes))]

    def link(self, outputs: Names, entries: Names, taps: Names) -> list[str]:
        """That a window's tap meets an entry."""
        on, step = self.on, self.step
        out, inner = split(outputs, self.axes), split(entries, self.x.axes)
        found: list[str] = []
        for i, (size, tap) in enumerate(zip(self.sizes, taps, strict=True)):
            if self.trivial[i]:
                found += [*equal(out[i], inner[i]), f"{tap} = 0"]
                continue
            here, there = on.position(self.axes[i], out[i], step), on.position(self.x.axes[i], inner[i], step)
            low = isl_text(on.affine(self.low[i]))
            found += [
                f"0 <= {tap} < {isl_text(on.affine(size))}",
                f"{self.dilations[i]}*({there}) = {self.strides[i]}*({here}) + {self.taps_apart[i]}*{tap} - ({low})",
            ]
        return found


def windowed(meaning: Callable[[Windows], Form]) -> Rule:
    """A rule of what is done with the entries of each window."""

    def rule(
        on: Frame,
        step: Step,
        x: Form,
        *,
        window_dimensions: Sequence[Any],
        window_strides: Sequence[int],
        padding: Sequence[tuple[Any, Any]],
        base_dilation: Sequence[int],
        window_dilation: Sequence[int],
    ) -> Form:
        return meaning(Windows(on, step, x, window_dimensions, window_strides, padding, base_dilation, window_dilation))

    return rule


def total(windows: Windows) -> Form:
    """What is padded is zero."""
    return join(windows.on.world, windows.axes, [windows.x], lambda g: windows.link(*g), extra=len(windows.sizes))


def extreme(largest: bool) -> Callable[[Windows], Form]:
    """The largest or smallest value; what is padded does not count."""

    def meaning(windows: Windows) -> Form:
        on, step, x = windows.on, windows.step, windows.x
        if kind_of(step.ins[0].dtype) != "real":
            raise step.refuse("of tensors of integers it has no rule")
        alone = [on.world.is_one(size) for size in windows.sizes]
        over = [(on.affine(size),) for size, one in zip(windows.sizes, alone, strict=True) if not one]
        axes = [*windows.axes, *over]

        def link(g: Sequence[Names]) -> list[str]:
            count = len(g[0]) - len(over)
            taps = iter(g[0][count:])
            return windows.link(g[0][:count], g[1], ["0" if one else next(taps) for one in alone])

        inside = join(on.world, axes, [spread(on.world, scalar(on.world, 1), x.axes, ())], link)
        seen = join(on.world, axes, [x], link)
        return signed(largest, lambda form: maximum(on, step, [form, inside], len(over)), seen)

    return meaning


reduce_window_sum = windowed(total)
reduce_window_max, reduce_window_min = windowed(extreme(True)), windowed(extreme(False))

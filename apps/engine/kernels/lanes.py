"""Many values at a time: vectors of floats, and sixty-four comparisons as the bits of one word.

LLVM splits what the processor at hand has no register for, so the same code runs anywhere and gives the
same bits: additions and products are never fused or reordered. Arrays are given by the address of their
first element, which costs no count of references; addresses and places are trusted, not checked.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

ROWS, HALF, WIDTH = 64, 32, 16
_WORD = ir.IntType(64)


def native(function: Any) -> Any:
    """An operation that compiled code has in place, as `function` generates it."""
    return intrinsic(function)


class Lanes(types.Type):
    """A vector of `count` float32 values, as a type that compiled code knows."""

    def __init__(self, count: int) -> None:
        super().__init__(name=f"Lanes{count}")
        self.count = count


@register_model(Lanes)
class _Model(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _vector(kind.count))  # type: ignore[no-untyped-call]


def _vector(count: int) -> Any:
    return ir.VectorType(ir.FloatType(), count)


def _place(builder: Any, given: Any, kind: Any) -> Any:
    """A pointer to a `kind` at element `given[1]` of the array at address `given[0]`."""
    element = getattr(kind, "element", kind)
    start = builder.inttoptr(given[0], element.as_pointer())
    return builder.bitcast(builder.gep(start, [given[1]]), kind.as_pointer())


def _same(builder: Any, value: Any, whole: Any) -> Any:
    """`value` in every lane."""
    nothing = ir.Constant(whole, ir.Undefined)
    one = builder.insert_element(nothing, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(ir.IntType(32), whole.count), None))


def _loading(count: int) -> Any:
    def load(typing: Any, address: Any, at: Any) -> Any:
        """Values of a float32 array from place `at` on."""

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return builder.load(_place(builder, given, _vector(count)), align=4)

        return Lanes(count)(types.intp, types.intp), generate

    return native(load)


load_rows, load_half, load_wide = _loading(ROWS), _loading(HALF), _loading(WIDTH)


@native
def store(typing: Any, address: Any, at: Any, value: Any) -> Any:
    """Write lanes to a float32 array from place `at` on."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        place = _place(builder, given, _vector(signature.args[2].count))
        builder.store(given[2], place, align=4)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, value), generate


@native
def whole(typing: Any, address: Any, at: Any) -> Any:
    """An element of an int64 array."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load(_place(builder, given, _WORD))

    return types.int64(types.intp, types.intp), generate


def _spreading(count: int) -> Any:
    def spread(typing: Any, address: Any, at: Any) -> Any:
        """One value of a float32 array for every row."""

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            one = builder.load(_place(builder, given, ir.FloatType()))
            return _same(builder, one, _vector(count))

        return Lanes(count)(types.intp, types.intp), generate

    return native(spread)


spread, spread_half = _spreading(ROWS), _spreading(HALF)


def _joined(name: str, text: str) -> Any:
    def operation(typing: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            return getattr(builder, name)(*given)

        return a(a, b), generate

    operation.__doc__ = text
    return native(operation)


add = _joined("fadd", "Sum by lane.")
sub = _joined("fsub", "Difference by lane.")
mul = _joined("fmul", "Product by lane.")


@native
def pick(typing: Any, bits: Any, one: Any, other: Any) -> Any:
    """By row, `one` where the row's bit is set, else `other`; lanes have the lowest bits."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        count = signature.args[1].count
        bits = builder.trunc(given[0], ir.IntType(count)) if count < ROWS else given[0]
        chosen = builder.bitcast(bits, ir.VectorType(ir.IntType(1), count))
        return builder.select(chosen, given[1], given[2])

    return one(types.uint64, one, other), generate


def _comparing(width: int) -> Any:
    def at_most(typing: Any, address: Any, at: Any, rank: Any) -> Any:
        """Sixty-four comparisons: bit i says whether the code at place `at` + i is at most `rank`."""

        def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            code = ir.IntType(width)
            every = ir.VectorType(code, ROWS)
            found = builder.load(_place(builder, given, every), align=width // 8)
            bound = _same(builder, builder.trunc(given[2], code), every)
            return builder.bitcast(builder.icmp_unsigned("<=", found, bound), _WORD)

        return types.uint64(types.intp, types.intp, types.int64), generate

    return native(at_most)


at_most_8, at_most_16, at_most_32 = _comparing(8), _comparing(16), _comparing(32)


@native
def mark(typing: Any, address: Any, at: Any, bits: Any, amount: Any) -> Any:
    """Add `amount` to those of sixty-four int32 values, from place `at` on, whose bit is set."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        every = ir.VectorType(ir.IntType(32), ROWS)
        place = _place(builder, given, every)
        chosen = builder.bitcast(given[2], ir.VectorType(ir.IntType(1), ROWS))
        more = _same(builder, builder.trunc(given[3], ir.IntType(32)), every)
        some = builder.select(chosen, more, ir.Constant(every, None))
        builder.store(builder.add(builder.load(place, align=4), some), place, align=4)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.uint64, types.int64), generate


@native
def lowest(typing: Any, bits: Any) -> Any:
    """The place of the lowest set bit of a word that is not zero."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate

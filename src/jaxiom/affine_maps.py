"""A function of several inputs, read as a linear (or affine) map of one of them: f(X) = T · X + offset.

For all sizes, from its polyhedral form: the entry T[o; x], the levels of its structure, its Kronecker sum. At given
sizes, from the explicit interpreter on letters: the matrix. The two are written apart and held against each other.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from jaxiom.affine import Affine, NotAffine, read_affine
from jaxiom.affine_laws import shown_at, why_not_affine
from jaxiom.affine_values import hold_against_letters
from jaxiom.closed_form import ClosedForm
from jaxiom.entries import EntryFormula
from jaxiom.errors import BadInput, Undecidable, Unsupported
from jaxiom.kronecker import KroneckerSum, kronecker_sum
from jaxiom.levels import Level, describe, read_levels
from jaxiom.matrices import Blocks, Derived, at_level, derive, refuse_large, ruled
from jaxiom.polyhedra.reading import read
from jaxiom.signature import Signature
from jaxiom.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Operator:
    """A function as a linear (or affine) map of one of its inputs, the others being letters. See `operator`.

    Attributes:
        function, signature, wrt: f, its parameters, and which one is the input.
        idle: parameters that only lend their shape.
        form: f read for all sizes, where that is known already.
        proofs: what was proved when it was made of other operators, in words.
    """

    function: Callable[..., Any]
    signature: Signature
    wrt: str
    idle: frozenset[str] = frozenset()
    form: Affine | None = field(default=None, repr=False)
    proofs: tuple[str, ...] = ()
    known: dict[tuple[tuple[str, int], ...], Derived] = field(default_factory=dict, repr=False)

    @cached_property
    def affine(self) -> Affine:
        """f read for all sizes.

        Raises:
            BadInput: f is not affine in `wrt`: with the laws that fail and their witnesses.
            Unsupported: f cannot be read for all sizes; at given sizes `matrix` may still be derived.
        """
        if self.form is not None:
            return self.form
        try:
            found = read_affine(self.function, self.signature, self.wrt)
            hold_against_letters(found, self.function, self.signature, self.wrt)
            return found
        except NotAffine:
            raise BadInput(self.not_affine(why_not_affine(self.function, self.signature, self.wrt))) from None
        except (Undecidable, Unsupported) as error:
            shown = why_not_affine(self.function, self.signature, self.wrt)
            if shown:
                raise BadInput(self.not_affine(f"{shown} ({error})")) from error
            raise Unsupported(f"f cannot be read for all sizes: {error}") from error

    def not_affine(self, shown: str) -> str:
        return f"f is not affine in {self.wrt}: {shown or 'it has a term of degree 2 or more'}"

    @property
    def is_linear(self) -> bool:
        """Whether f is linear in `wrt` (the offset is zero) for all sizes; else it is affine. Raises: see `affine`.

        >>> import jaxiom
        >>> jaxiom.operator(lambda X, W: X @ W, X="n c", W="c f").is_linear
        True
        >>> jaxiom.operator(lambda X, b: X + b, X="n", b="").is_linear
        False
        """
        return self.affine.is_linear

    @cached_property
    def offset(self) -> ClosedForm:
        """What f adds to its linear part, in closed form for all sizes. Raises: see `affine`.

        >>> import jaxiom
        >>> print(jaxiom.operator(lambda X, b: X - 2 * b, X="n", b="").offset)
        -2·b
        """
        of = self.affine
        forms = zip(of.leaves, of.offsets, strict=True)
        return ClosedForm({leaf: read(of.world, form, form.terms, of.tensors) for leaf, form in forms})

    @cached_property
    def entry(self) -> EntryFormula:
        """T[o; x] in closed form for all sizes: the output's index, then that of `wrt`. Raises: see `affine`.

        >>> import jaxiom
        >>> print(jaxiom.operator(lambda X, W: X @ W, X="n c", W="c f").entry)
        T[p, q; r, s] = [p = r]·W[s, q]
        """
        of = self.affine
        forms = zip(of.leaves, of.entries, strict=True)
        return EntryFormula(
            {leaf: read(of.world, form, form.terms, of.tensors) for leaf, form in forms},
            rows=tuple(map(len, of.outputs)),
        )

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """The levels of nesting of the matrix, each proved for all sizes, with the point that breaks it where it is
        not so.

        Raises:
            Unsupported: f has several outputs; or see `affine`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> print(T.levels[0])
        output axis 0 (n - 1) × input axis 0 (n): toeplitz, step (1, 1)
        """
        return read_levels(self.affine)

    def describe(self) -> str:
        """The structure in words, and what it was proved for. Raises: see `levels`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: X @ W, X="n c", W="c f")
        >>> print(T.describe())
        identity along n; blocks f×c dense
        proved for n, c, f >= 1
        """
        of = self.affine
        affine = "" if self.is_linear else "affine, with an offset; "
        return "\n".join([f"{affine}{describe(self.levels)}", f"proved for {of.sizes}", *of.notes, *self.proofs])

    def kronecker(self) -> KroneckerSum:
        """T as a sum of Kronecker products of matrices of ones and slices of the kernel, for all sizes; it follows from
        the levels.

        Raises:
            Unsupported: no such sum was found; or see `levels`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> print(T.kronecker())
        T = S[0] ⊗ M1 + S[1] ⊗ M2; M1 = W[0]; M2 = W[1]; S[d]: 1 where x = o + d
        """
        return self.sum

    @cached_property
    def sum(self) -> KroneckerSum:
        return kronecker_sum(self.affine, self.levels, self.signature, self.wrt)

    def numeric(
        self, inputs: Mapping[str, Any], *, dense: bool | int = False, force: bool | int = False, **sizes: int
    ) -> Any:
        """The matrix in numbers: a `scipy.sparse.csr_array`, or (`dense`) a JAX array on the device.

        It is built from the Kronecker sum, where there is one, and else from the letters.

        Args:
            inputs: the arrays of all inputs but `wrt`, by name.
            force: derive it in letters however long that takes, where it needs them.

        Raises:
            BadInput: the sizes are not those of the operator; an array is missing, unknown, of another shape or not of
                finite real numbers. Unsupported: see `derive`.

        >>> import jaxiom
        >>> import numpy as np
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> T.numeric({"W": np.array([1.0, 2.0])}, n=3).toarray()
        array([[1., 2., 0.],
               [0., 1., 2.]])
        """
        from jaxiom import numeric

        self.signature.sizes.check(sizes, "sizes")
        return (numeric.dense if dense else numeric.sparse)(self, inputs, sizes, bool(force))

    def singular_values(self, inputs: Mapping[str, Any], **sizes: int) -> np.ndarray:
        """The singular values of a block-circulant operator (wrap padding), largest first: by the DFT, without its
        matrix.

        Raises:
            BadInput: see `numeric`.
            Unsupported: a level is neither circulant nor the identity, or there is no Kronecker sum.

        >>> import jaxiom
        >>> import numpy as np
        >>> import jax.numpy as jnp
        >>> T = jaxiom.operator(lambda X, W: W[0] * X + W[1] * jnp.roll(X, 1), X="n", W="2")
        >>> T.singular_values({"W": np.array([1.0, 1.0])}, n=4).round(3)
        array([2.   , 1.414, 1.414, 0.   ])
        """
        from jaxiom import numeric

        self.signature.sizes.check(sizes, "sizes")
        return numeric.singular_values(self.kronecker(), numeric.numbers(self, inputs, sizes), sizes)

    def plot(self, *, force: bool | int = False, **sizes: int) -> "Figure":
        """The matrix at given sizes as a picture: one colour for each distinct entry (each entry of the kernel), white
        where it is zero, blocks ruled.

        Returns:
            A matplotlib figure; `figure.savefig("matrix.png")` writes it.

        Raises: see `derive`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> [text.get_text() for text in T.plot(n=4).axes[0].get_legend().get_texts()]
        ['$W_{0}$', '$W_{1}$']
        """
        from jaxiom.matrix_pictures import plot

        return plot(self, sizes, bool(force))

    def plot_reads(self, output: Sequence[int], *, force: bool | int = False, **sizes: int) -> "Figure":
        """Which entries of the input one entry of the output reads (its receptive field), and with which weights.

        Args:
            output: the index of that entry.

        Returns:
            A matplotlib figure, a panel for each choice of the axes that are not drawn.

        Raises:
            BadInput: it is no index of the output; or see `derive`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> T.plot_reads((1,), n=4).get_suptitle()
        'output [1] reads 2 of 4 entries'
        """
        from jaxiom.matrix_pictures import plot_reads

        return plot_reads(self, output, sizes, bool(force))

    def _repr_html_(self) -> str:
        from jaxiom.matrix_pictures import html

        return html(self)

    @cached_property
    def T(self) -> "Operator":  # noqa: N802
        """The adjoint: what `jax.vjp` makes of f, by the cotangent `Y`; proved to have the transposed matrix, for all
        sizes where JAX can trace it (`proofs` says).

        Raises:
            Unsupported: f has several outputs; or see `affine`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: X @ W, X="n c", W="c f")
        >>> T.T.matrix(n=1, c=2, f=2) == T.matrix(n=1, c=2, f=2).T
        True
        >>> print(T.T.proofs[0])
        jax.vjp's function has the transposed matrix: proved for n, c, f >= 1
        """
        from jaxiom.operator_algebra import adjoint

        return adjoint(self)

    def compose(self, inner: "Operator") -> "Operator":
        """This operator after another (`self @ inner`): proved to have the product of the matrices, for all sizes.

        A size or an input with the same name in both is the same one; the sizes of this one's input are those of the
        other's output.

        Raises:
            BadShape: the output does not fit the input, or an input of both has two shapes.
            Unsupported: several outputs; or see `affine`.

        >>> import jaxiom
        >>> U = jaxiom.operator(lambda X, U: X @ U, X="n c", U="c d")
        >>> V = jaxiom.operator(lambda X, V: X @ V, X="n d", V="d e")
        >>> print(V.compose(U).entry)
        T[p, q; r, s] = [p = r]·(Σ_{i<d} U[s, i]·V[i, q])
        >>> print(V.compose(U).proofs[0])
        the composition has the matrix product: proved for n, c, d, e >= 1
        """
        from jaxiom.operator_algebra import compose

        return compose(self, inner)

    __matmul__ = compose

    def same_as(self, other: "Operator") -> Verdict:
        """The verdict on f = g, for every input and every size: proved, refuted with a witness, or undecided.

        Raises:
            BadShape, BadInput: the two are not by the same input, or their shapes differ.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: X @ W, X="n c", W="c f")
        >>> T.same_as(jaxiom.operator(lambda X, W: (W.T @ X.T).T, X="n c", W="c f")).status
        'proved'
        """
        from jaxiom.operator_algebra import same

        return same(self, other)

    def __eq__(self, other: object) -> bool:
        """Whether two operators are proved equal for all sizes; an error where that is undecided. See `same_as`."""
        if not isinstance(other, Operator):
            return NotImplemented
        if self is other:
            return True
        verdict = self.same_as(other)
        if verdict.status == "undecided":
            raise Unsupported(f"== of operators is undecided: {verdict.reason}")
        return verdict.status == "proved"

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{leaf.name}: {getattr(leaf.shape, 'text', 'int')}" for leaf in self.signature.leaves)
        return f"<operator by {self.wrt} of {getattr(self.function, '__name__', 'f')}({shapes})>"

    def derive(self, *, force: bool | int = False, **sizes: int) -> Derived:
        """The matrix and offset in letters; computed once for each choice of sizes.

        Raises:
            BadInput: the sizes are not those of the operator; the matrix is large (without `force`); or the function
                is not affine in `wrt`, with the term, or the input, that shows it.
            Unsupported: the function has a step that letters cannot take and no input showed that it is not affine.
        """
        key = tuple(sorted(sizes.items()))
        if key not in self.known:
            self.signature.sizes.check(sizes, "sizes")
            if not force:
                refuse_large(self.function, self.signature, sizes)
            try:
                self.known[key] = derive(self.function, self.signature, self.wrt, sizes)
            except Unsupported as error:
                shown = shown_at(self.function, self.signature, self.wrt, sizes)
                if shown:
                    raise BadInput(self.not_affine(f"{shown} ({error})")) from error
                raise
        return self.known[key]

    def matrix(self, *, force: bool | int = False, **sizes: int) -> sympy.SparseMatrix:
        """The explicit matrix T at given sizes: vec f(X) = T · vec X (+ the offset), both in C order, so that rows go
        by the output's index and columns by that of `wrt`, the last axis fastest.

        Args:
            force: derive it however long it takes.

        Raises: see `derive`.

        >>> import jaxiom
        >>> T = jaxiom.operator(lambda X, W: W[0] * X[:-1] + W[1] * X[1:], X="n", W="2", given="n >= 2")
        >>> T.matrix(n=3)
        Matrix([
        [W_{0}, W_{1},     0],
        [    0, W_{0}, W_{1}]])
        """
        derived = self.derive(force=force, **sizes)
        return derived.linear.sympy(derived.letters)

    def offset_column(self, *, force: bool | int = False, **sizes: int) -> sympy.SparseMatrix:
        """What f adds to its linear part at given sizes, a column; zero for a linear function. Raises: see `derive`.

        >>> import jaxiom
        >>> jaxiom.operator(lambda X, b: 2 * X + b, X="2", b="").offset_column()
        Matrix([
        [b],
        [b]])
        """
        derived = self.derive(force=force, **sizes)
        return derived.offset.sympy(derived.letters)

    def blocks(self, **sizes: int) -> Blocks:
        """The nested blocks of `matrix(**sizes)`: rows by the axes of the output, columns by the axes of `wrt`."""
        return self.derive(**sizes).blocks

    def latex(self, level: int = -1, **sizes: int) -> str:
        r"""The matrix as a LaTeX array, ruled between blocks.

        Args:
            level: which nesting of `blocks` is ruled; -1, the innermost, has a block for each pair of pixels.

        Raises: see `derive`.

        >>> import jaxiom
        >>> print(jaxiom.operator(lambda X, w: X @ w, X="2 2", w="2").latex())
        \left[\begin{array}{cc|cc}w_{0} & w_{1} & 0 & 0 \\ 0 & 0 & w_{0} & w_{1}\end{array}\right]
        """
        blocks = self.blocks(**sizes)
        return ruled(self.matrix(**sizes), at_level(blocks.rows, level), at_level(blocks.columns, level))

"""Certificates: a form written as a sum of cofactor · hypothesis is zero wherever the hypotheses hold.

A hypothesis is a form H all of whose entries are zero on the inputs in question. Then so is, entry by entry, the sum
over u of C(o, u) · H(u), for any form C over the output's indices and the hypothesis'. What looks for cofactors is a
search, and nothing in it is believed: the zero test decides that `difference - Σ coefficient · C · H` is zero.

The search reads one term of a hypothesis as a pattern (its leading term). A term of the difference whose monomial
contains the pattern's, and whose set is one of what is left and of u, laid beside the pattern's, gives the cofactor:
its quotient by the pattern. The product replaces that term by the hypothesis' other terms, which are looked at in
turn. Which products add up to the difference is linear algebra on their coefficients at a few indices.
"""

import itertools
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

from jaxiom.errors import Undecidable
from jaxiom.polyhedra.echelon import Echelon, Row
from jaxiom.polyhedra.equality import collect, nonzero_regions
from jaxiom.polyhedra.form import Form, Sizes, Term, add, join
from jaxiom.polyhedra.quotients import Matching
from jaxiom.polyhedra.samples import Sample, TooMany, coefficients_at, first_samples, sample_of
from jaxiom.polyhedra.world import World

MOST_PRODUCTS = 80
MOST_ROUNDS = 6
"""How often a combination that fits the samples may fail the zero test, each time with one sample more."""


@dataclass(frozen=True)
class Product:
    """cofactor · hypothesis, summed over the hypothesis' indices.

    Attributes:
        hypothesis: which one.
        cofactor: a form on the difference's axes, then the hypothesis'.
        form: the product, on the difference's axes.
    """

    hypothesis: int
    cofactor: Form
    form: Form


def certificate(world: World, difference: Form, hypotheses: Sequence[Form]) -> list[tuple[Fraction, Product]] | None:
    """Products of the hypotheses, with rational coefficients, that sum to the difference; None where none are found.

    That they do is decided by the zero test, for all sizes and all inputs.
    """
    patterns = [replace(h, terms=tuple(collected(world, h))) for h in hypotheses]
    search = Search(world, difference, patterns, first_samples(world, difference.atoms))
    try:
        for highest, exact in ((True, True), (False, True), (False, False)):
            found = search.run(highest, exact)
            if found is not None:
                return found
    except TooMany:
        pass
    return None


@dataclass
class Search:
    """The products found so far for one difference, and their coefficients at the samples.

    Attributes:
        products: in the order found; their coefficients are rows of `echelon`, marked with their number.
        rounds: how often a combination failed the zero test.
    """

    world: World
    difference: Form
    hypotheses: Sequence[Form]
    samples: list[Sample]
    products: list[Product] = field(default_factory=list)
    echelon: Echelon = field(default_factory=lambda: Echelon(is_access))
    rounds: int = 0

    def run(self, highest: bool, exact: bool) -> list[tuple[Fraction, Product]] | None:
        """Go through the difference's terms and what the products make of them. `highest`: only terms of the highest
        degree lead a hypothesis; `exact`: a term must be the product of its quotient and the pattern."""
        waiting, seen = deque(collected(self.world, self.difference)), set[Hashable]()
        limit = len(self.products) + MOST_PRODUCTS
        while waiting:
            for product in self.products_of(waiting.popleft(), highest, exact):
                if not self.is_new(product):
                    continue
                found = self.solve()
                if found is not None or len(self.products) >= limit:
                    return found
                for term in collected(self.world, product.form):
                    mark = fingerprint(self.coefficients(replace(self.difference, terms=(term,))))
                    if mark not in seen:
                        seen.add(mark)
                        waiting.append(term)
        return None

    @cached_property
    def degree(self) -> int:
        """The highest that a product may have."""
        return max(len(t.monomial) for form in (self.difference, *self.hypotheses) for t in form.terms)

    def products_of(self, term: Term, highest: bool, exact: bool) -> Iterator[Product]:
        """The products whose pattern lies in a term."""
        for number, hypothesis in enumerate(self.hypotheses):
            for lead in leads(hypothesis, highest):
                for places in injections(lead.monomial, term.monomial):
                    product = self.product(number, lead, term, places, exact)
                    if product is not None:
                        yield product

    def product(self, number: int, lead: Term, term: Term, places: Sequence[int], exact: bool) -> Product | None:
        outputs, hypothesis = len(self.difference.atoms), self.hypotheses[number]
        try:
            terms = Matching(self.world, outputs, len(hypothesis.atoms), term, lead, places, exact).quotient()
            cofactor = Form((*self.difference.axes, *hypothesis.axes), tuple(terms))
            form = contract(self.world, self.difference.axes, cofactor, hypothesis)
        except Undecidable:
            return None
        if not terms or any(t.extra(self.world, outputs) or len(t.monomial) > self.degree for t in form.terms):
            return None
        return Product(number, cofactor, form)

    def is_new(self, product: Product) -> bool:
        """Keep a product whose coefficients are no combination of the others'."""
        rest = self.echelon.add({**self.coefficients(product.form), len(self.products): Fraction(1)})
        if any(is_access(key) for key in rest):
            self.products.append(product)
            return True
        return False

    def coefficients(self, form: Form) -> Row:
        """The form's coefficients at all samples."""
        found: Row = {}
        for number, sample in enumerate(self.samples):
            found |= {(number, k): v for k, v in coefficients_at(self.world, form, sample).items()}
        return found

    def solve(self) -> list[tuple[Fraction, Product]] | None:
        """A combination of the products that is the difference: at the samples by elimination, then by the zero test
        everywhere. Where that says no, one of the points that it leaves is a sample more."""
        while self.rounds < MOST_ROUNDS:
            rest = self.echelon.reduce(self.coefficients(self.difference))
            if any(is_access(key) for key in rest):
                return None
            chosen = [(-rest[k], p) for k, p in enumerate(self.products) if k in rest]
            left = self.difference
            for weight, product in chosen:
                left = add(left, product.form.scale(-weight))
            regions = nonzero_regions(self.world, left)
            if not regions:
                return chosen
            self.rounds += 1
            self.samples.append(sample_of(self.world, regions[0].points, len(self.difference.atoms)))
            self.echelon = Echelon(is_access)
            for number, product in enumerate(self.products):
                self.echelon.add({**self.coefficients(product.form), number: Fraction(1)})
        return None


def is_access(key: Hashable) -> bool:
    """Whether a key of a row is a monomial's, not a product's number."""
    return not isinstance(key, int)


def contract(world: World, axes: Sequence[Sizes], cofactor: Form, hypothesis: Form) -> Form:
    """The sum over u of cofactor(o, u) · hypothesis(u)."""
    return join(
        world, axes, [cofactor, hypothesis], lambda g: [f"{a} = {b}" for a, b in zip(g[1], (*g[0], *g[2]), strict=True)]
    )


def collected(world: World, form: Form) -> list[Term]:
    """A form's terms with those of equal sets added up."""
    by_monomial: dict[tuple[str, ...], list[Term]] = defaultdict(list)
    for term in form.terms:
        by_monomial[term.monomial].append(term)
    return [t for terms in by_monomial.values() for t in collect(world, len(form.atoms), terms)]


def leads(hypothesis: Form, highest: bool) -> list[Term]:
    """The terms of a hypothesis that may be taken as its pattern."""
    degree = max((len(t.monomial) for t in hypothesis.terms), default=0) if highest else 1
    return [t for t in hypothesis.terms if len(t.monomial) >= max(degree, 1)]


def injections(pattern: Sequence[str], monomial: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """For each factor of a pattern one of a monomial of the same name, no two the same.

    >>> list(injections(("Q", "Q"), ("Q", "Q", "x")))
    [(0, 1), (1, 0)]
    """
    places = [[i for i, name in enumerate(monomial) if name == wanted] for wanted in pattern]
    for chosen in itertools.product(*places):
        if len(set(chosen)) == len(chosen):
            yield chosen


def fingerprint(row: Row) -> Hashable:
    """A vector up to a factor."""
    if not row:
        return None
    scale = row[min(row, key=repr)]
    return frozenset((key, value / scale) for key, value in row.items())

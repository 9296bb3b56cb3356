"""In what arithmetic residues are multiplied and summed, exactly: which primes, and how many products at a time."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Accumulator:
    """Whole numbers in a device's own arithmetic.

    Attributes:
        name: as it is reported.
        storage: the dtype that residues are kept in between contractions.
        whole: whole numbers of at most this absolute value are exact in `storage`, with room for `Field.settle`.
        operand, result: the dtypes of a contraction's operands and of its sum.
        exact: the same as `whole`, for `result`.
        largest: primes are taken up to here.
        word: random words of so many bits are drawn for an input's entry, and reduced.
    """

    name: str
    storage: str
    whole: int
    operand: str
    result: str
    exact: int
    largest: int
    word: int

    @property
    def half(self) -> int:
        """The largest residue in absolute value."""
        return self.largest // 2

    @property
    def terms(self) -> int:
        """So many products of residues sum up to a whole number that is still exact, in any order of summation."""
        return self.exact // self.half**2

    @property
    def entries(self) -> int:
        """So many residues do in `storage`."""
        return self.whole // self.half


# p = 2^23 - 15 is the largest prime for which 512 products fit: a tap of a convolution of 512 channels.
FLOAT64 = Accumulator("float64", "float64", 2**53 - 2**25, "float64", "float64", 2**53 - 2**25, 2**23 - 15, 32)
INT8 = Accumulator("int8", "float32", 2**24 - 2**9, "int8", "int32", 2**31 - 1, 251, 16)
# bfloat16 holds the whole numbers up to 256; residues modulo 113 leave room for 5000 products below 2^24.
BFLOAT16 = Accumulator("bfloat16", "float32", 2**24 - 2**9, "bfloat16", "float32", 2**24 - 2**9, 113, 16)
ACCUMULATORS = (FLOAT64, INT8, BFLOAT16)

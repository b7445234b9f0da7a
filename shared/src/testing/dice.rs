//! Numbers for random courses: small, and always the same for one seed, which a failure can name.

/// A generator (splitmix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// From 0 to less than `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap_or_default()
    }

    /// The same as a smaller number.
    pub fn small<T: TryFrom<usize>>(&mut self, limit: usize) -> T {
        T::try_from(self.below(limit)).unwrap_or_else(|_| panic!("{limit} is not small"))
    }

    /// One of these.
    pub fn one_of<T: Clone>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())].clone()
    }
}

//! Decimal numbers as they were written, without a detour through binary floating point.
//!
//! Guarantees: the value is exact up to 24 significant digits (a longer fraction is cut, a longer integer is refused) and the
//! resolution of the written digits is known. Never panics, never overflows silently.

/// Significant digits kept: with an hour in nanoseconds (13 digits) the product still fits an `i128`.
const MAX_DIGITS: u32 = 24;

/// `mantissa × 10^scale`, with its sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    mantissa: i128,
    scale: i32,
}

impl Decimal {
    /// The number at the head of `bytes` and how many bytes it takes: `-12.50`, `1.7e9`. No leading `+`, no bare `.5`.
    pub(super) fn prefix(bytes: &[u8]) -> Option<(Self, usize)> {
        let negative = bytes.first() == Some(&b'-');
        let mut at = usize::from(negative);
        let mut digits = Digits::default();
        let whole = digits.take(&bytes[at..], false)?;
        at += whole;
        if bytes.get(at) == Some(&b'.') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            at += 1 + digits.take(&bytes[at + 1..], true)?;
        }
        let mut scale = -digits.fraction;
        if let Some((exponent, used)) = exponent(&bytes[at..]) {
            scale += exponent;
            at += used;
        }
        Some((Self { negative, mantissa: digits.mantissa, scale }, at))
    }

    /// `text` as one number, nothing around it but space.
    pub(super) fn whole(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, used) = Self::prefix(text.as_bytes())?;
        (used == text.len()).then_some(number)
    }

    /// The absolute value in units of `unit`, rounded half up; `None` when it does not fit.
    pub(super) fn times(self, unit: u64) -> Option<i128> {
        let product = self.mantissa.checked_mul(i128::from(unit))?;
        match u32::try_from(self.scale) {
            Ok(up) if product != 0 => product.checked_mul(10_i128.checked_pow(up)?),
            Ok(_) => Some(0),
            Err(_) => {
                let Some(divisor) = 10_i128.checked_pow(self.scale.unsigned_abs()) else { return Some(0) };
                Some((product / divisor) + i128::from(product % divisor >= divisor / 2 + divisor % 2))
            }
        }
    }

    /// The worth of the last written digit in units of `unit`, at least 1.
    pub(super) fn quantum(self, unit: u64) -> u64 {
        let power = 10_u64.checked_pow(self.scale.unsigned_abs());
        match power {
            Some(power) if self.scale >= 0 => unit.saturating_mul(power),
            Some(power) => (unit / power).max(1),
            None if self.scale >= 0 => u64::MAX,
            None => 1,
        }
    }
}

#[derive(Default)]
struct Digits {
    mantissa: i128,
    significant: u32,
    fraction: i32,
}

impl Digits {
    /// Takes the run of digits at the head of `bytes`; `None` when there is none or an integer is too long.
    fn take(&mut self, bytes: &[u8], fraction: bool) -> Option<usize> {
        let mut used = 0;
        for digit in bytes.iter().take_while(|b| b.is_ascii_digit()) {
            used += 1;
            if self.significant >= MAX_DIGITS {
                if fraction {
                    continue;
                }
                return None;
            }
            self.mantissa = self.mantissa * 10 + i128::from(digit - b'0');
            self.significant += u32::from(self.mantissa != 0);
            self.fraction += i32::from(fraction);
            if self.fraction > 40 {
                return Some(bytes.iter().take_while(|b| b.is_ascii_digit()).count());
            }
        }
        (used > 0).then_some(used)
    }
}

fn exponent(bytes: &[u8]) -> Option<(i32, usize)> {
    if !matches!(bytes.first(), Some(b'e' | b'E')) {
        return None;
    }
    let signed = matches!(bytes.get(1), Some(b'+' | b'-'));
    let begin = 1 + usize::from(signed);
    let run = bytes.get(begin..)?.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=3).contains(&run) {
        return None;
    }
    let value = bytes[begin..begin + run].iter().fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    Some((if bytes[1] == b'-' { -value } else { value }, begin + run))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_decimals_keep_every_digit() {
        let number = Decimal::whole("1795427211.0572512").unwrap();
        assert_eq!(number.times(1_000_000_000), Some(1_795_427_211_057_251_200));
        assert_eq!(number.quantum(1_000_000_000), 100);
        assert_eq!(Decimal::whole("1.795427209459e9").unwrap().times(1_000_000_000), Some(1_795_427_209_459_000_000));
        assert_eq!(Decimal::whole("2.5E-4").unwrap().times(1_000_000_000), Some(250_000));
        assert_eq!(Decimal::whole("0.0000000005").unwrap().times(1_000_000_000), Some(1), "half a nanosecond rounds up");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".5", "1.", "1e", "0x10", "1,5", "NaN", "12 3", "9999999999999999999999999"] {
            assert_eq!(Decimal::whole(text), None, "{text}");
        }
    }

    #[test]
    fn huge_exponents_do_not_overflow() {
        assert_eq!(Decimal::whole("1e999").unwrap().times(1), None);
        assert_eq!(Decimal::whole("0e999").unwrap().times(1), Some(0));
        assert_eq!(Decimal::whole("1e-999").unwrap().times(1_000_000_000), Some(0));
        assert_eq!(Decimal::whole("1e-999").unwrap().quantum(1), 1);
    }
}

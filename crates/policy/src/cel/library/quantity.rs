//! Quantities of Kubernetes: `500m`, `1.5Gi`, `12e6`.

use std::cmp::Ordering;

use super::{Function, method, plain};
use crate::cel::call::{Answer, Call, Fault};
use crate::cel::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("quantity", 1, quantity),
    plain("isQuantity", 1, is_quantity),
    method("isInteger", 0, 0, is_integer),
    method("asInteger", 0, 0, as_integer),
    method("asApproximateFloat", 0, 0, as_float),
    method("sign", 0, 0, sign),
    method("add", 1, 1, add),
    method("sub", 1, 1, sub),
    // These three are also those of versions.
    method("isGreaterThan", 1, 1, is_greater),
    method("isLessThan", 1, 1, is_less),
    method("compareTo", 1, 1, compare_to),
];

const NANOS: i128 = 1_000_000_000;

/// An amount: exact in billionths where that fits, as the API server
/// keeps it, else about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantity {
    nanos: Option<i128>,
    about: f64,
}

impl Quantity {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = || {
            Fault::new(
                "quantities must match the regular expression \
                 '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            )
        };
        if text.len() > 256 {
            return Err(wrong());
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        let end = unsigned
            .find(|found: char| !found.is_ascii_digit() && found != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at_checked(end).ok_or_else(wrong)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(wrong());
        }
        let suffix =
            Suffix::parse(suffix).ok_or_else(|| Fault::new("unable to parse quantity's suffix"))?;
        let digits = format!("{whole}{fraction}");
        let scale = i32::try_from(fraction.len()).ok().ok_or_else(wrong)?;
        let about: f64 = format!("{}e-{scale}", if digits.is_empty() { "0" } else { &digits })
            .parse()
            .unwrap_or(f64::INFINITY);
        let nanos = exact(&digits, scale, suffix);
        let about = about * suffix.factor();
        Ok(Self {
            nanos: nanos.map(|nanos| if negative { -nanos } else { nanos }),
            about: if negative { -about } else { about },
        })
    }

    fn of(value: &Value<'_>) -> Result<Self, Fault> {
        match value {
            Value::Quantity(quantity) => Ok(*quantity),
            Value::Int(value) => Ok(Self::whole(i128::from(*value) * NANOS)),
            // Kubernetes' own examples add and compare strings.
            Value::String(text) => Self::parse(text),
            _ => Err(Fault::no_overload()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "it is an approximation")]
    fn whole(nanos: i128) -> Self {
        Self {
            nanos: Some(nanos),
            about: nanos as f64 / 1e9,
        }
    }

    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.nanos, other.nanos) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => self
                .about
                .partial_cmp(&other.about)
                .unwrap_or(Ordering::Equal),
        }
    }

    fn plus(self, other: Self, sign: i128) -> Self {
        let nanos = match (self.nanos, other.nanos) {
            (Some(left), Some(right)) => left.checked_add(right * sign),
            _ => None,
        };
        nanos.map_or(
            Self {
                nanos: None,
                about: self.about + other.about * if sign < 0 { -1.0 } else { 1.0 },
            },
            Self::whole,
        )
    }

    fn integer(self) -> Option<i64> {
        let nanos = self.nanos?;
        (nanos % NANOS == 0)
            .then(|| i64::try_from(nanos / NANOS).ok())
            .flatten()
    }
}

#[derive(Clone, Copy, Debug)]
enum Suffix {
    /// Times ten to the power of this.
    Ten(i32),
    /// Times two to the power of this.
    Two(u32),
}

impl Suffix {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" => Self::Ten(0),
            "n" => Self::Ten(-9),
            "u" => Self::Ten(-6),
            "m" => Self::Ten(-3),
            "k" => Self::Ten(3),
            "M" => Self::Ten(6),
            "G" => Self::Ten(9),
            "T" => Self::Ten(12),
            "P" => Self::Ten(15),
            "E" => Self::Ten(18),
            "Ki" => Self::Two(10),
            "Mi" => Self::Two(20),
            "Gi" => Self::Two(30),
            "Ti" => Self::Two(40),
            "Pi" => Self::Two(50),
            "Ei" => Self::Two(60),
            other => {
                let exponent = other.strip_prefix(['e', 'E'])?;
                let exponent: i32 = exponent.parse().ok()?;
                Self::Ten(exponent.clamp(-400, 400))
            }
        })
    }

    fn factor(self) -> f64 {
        match self {
            Self::Ten(power) => 10f64.powi(power),
            Self::Two(power) => 2f64.powi(i32::try_from(power).unwrap_or(0)),
        }
    }
}

/// In billionths, rounded up: nothing is smaller.
fn exact(digits: &str, scale: i32, suffix: Suffix) -> Option<i128> {
    let digits = digits.trim_start_matches('0');
    let number: i128 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    let (number, power) = match suffix {
        Suffix::Ten(power) => (number, power - scale + 9),
        Suffix::Two(power) => (number.checked_mul(1i128.checked_shl(power)?)?, 9 - scale),
    };
    if power >= 0 {
        return number.checked_mul(10i128.checked_pow(u32::try_from(power).ok()?)?);
    }
    match 10i128.checked_pow(power.unsigned_abs()) {
        Some(divisor) => Some(number / divisor + i128::from(number % divisor != 0)),
        None => Some(i128::from(number != 0)),
    }
}

fn quantity<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Quantity::parse(call.text(0)?).map(Value::Quantity)
}

fn is_quantity<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(Quantity::parse(call.text(0)?).is_ok()))
}

fn receiver(call: &Call<'_, '_>) -> Result<Quantity, Fault> {
    match call.arg(0)? {
        Value::Quantity(quantity) => Ok(*quantity),
        _ => Err(Fault::no_overload()),
    }
}

fn is_integer<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(receiver(call)?.integer().is_some()))
}

fn as_integer<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    receiver(call)?
        .integer()
        .map(Value::Int)
        .ok_or_else(|| Fault::new("cannot convert value to integer"))
}

fn as_float<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Double(receiver(call)?.about))
}

fn sign<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let zero = Quantity::whole(0);
    Ok(Value::Int(receiver(call)?.compare(&zero) as i64))
}

fn add<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Quantity(
        receiver(call)?.plus(Quantity::of(call.arg(1)?)?, 1),
    ))
}

fn sub<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Quantity(
        receiver(call)?.plus(Quantity::of(call.arg(1)?)?, -1),
    ))
}

fn order(call: &Call<'_, '_>) -> Result<Ordering, Fault> {
    match (call.arg(0)?, call.arg(1)?) {
        (Value::Quantity(left), Value::Quantity(right)) => Ok(left.compare(right)),
        (Value::Semver(left), Value::Semver(right)) => Ok(left.cmp_precedence(right)),
        _ => Err(Fault::no_overload()),
    }
}

fn is_greater<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(order(call)?.is_gt()))
}

fn is_less<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Bool(order(call)?.is_lt()))
}

fn compare_to<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    Ok(Value::Int(order(call)? as i64))
}

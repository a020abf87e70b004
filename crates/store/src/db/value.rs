//! What a placeholder stands for.

use jiff::Timestamp;

/// A value of one of the four types both databases share, or its
/// absence. The type is known even of an absent one: PostgreSQL prepares
/// a statement once for the types it first saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

/// PostgreSQL's text cannot hold NUL, and both must store the same.
fn clean(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text
    }
}

macro_rules! value_from {
    ($($type:ty => $variant:ident($value:ident) $convert:expr;)+) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($convert))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $convert))
            }
        }
    )+};
}

value_from! {
    i64 => Int(value) value;
    i32 => Int(value) value.into();
    u32 => Int(value) value.into();
    u16 => Int(value) value.into();
    bool => Int(value) value.into();
    Timestamp => Int(value) value.as_microsecond();
    f64 => Real(value) value;
    String => Text(value) clean(value);
    &str => Text(value) clean(value.to_owned());
    &String => Text(value) clean(value.clone());
    Vec<u8> => Blob(value) value;
    &[u8] => Blob(value) value.to_vec();
    &Vec<u8> => Blob(value) value.clone();
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        value.as_deref().into()
    }
}

impl From<&i64> for Value {
    fn from(value: &i64) -> Self {
        (*value).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_value_keeps_its_type() {
        assert_eq!(Value::from(None::<f64>), Value::Real(None));
        assert_eq!(Value::from(None::<&str>), Value::Text(None));
        assert_eq!(Value::from(None::<Timestamp>), Value::Int(None));
    }

    #[test]
    fn text_holds_no_nul() {
        assert_eq!(
            Value::from("a\0b"),
            Value::Text(Some("a\u{FFFD}b".to_owned()))
        );
    }
}

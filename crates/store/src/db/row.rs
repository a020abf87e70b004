//! Reading columns: times, JSON and counts as the model has them.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use sqlx::{
    Decode, Row as _, Type, TypeInfo as _, ValueRef as _,
    postgres::{PgRow, PgValueFormat, PgValueRef, Postgres},
    sqlite::SqliteRow,
};

use super::direct::{DirectRow, Held};
use crate::StoreError;

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Direct(DirectRow),
    Postgres(PgRow),
}

impl std::fmt::Debug for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the content: rows hold what must not reach a log.
        formatter.write_str("Row")
    }
}

/// A type a column can be read as.
pub(crate) trait Cell: Sized {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError>;
}

/// A column, by name or by place.
pub(crate) trait Column:
    sqlx::ColumnIndex<SqliteRow> + sqlx::ColumnIndex<PgRow> + Copy + std::fmt::Display
{
    fn of(self, row: &DirectRow) -> Option<&Held>;
}

impl Column for &str {
    fn of(self, row: &DirectRow) -> Option<&Held> {
        row.named(self)
    }
}

impl Column for usize {
    fn of(self, row: &DirectRow) -> Option<&Held> {
        row.at(self)
    }
}

/// What a row of the writer's holds there, where it has that column.
fn held(row: &DirectRow, column: impl Column) -> Result<&Held, StoreError> {
    column
        .of(row)
        .ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_string()).into())
}

fn is_another(column: &dyn std::fmt::Display, expected: &str) -> StoreError {
    unreadable(column, format!("it is not {expected}").into())
}

impl Cell for Option<i64> {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.try_get(column)?),
            Row::Direct(row) => match held(row, column)? {
                Held::Null => Ok(None),
                Held::Int(value) => Ok(Some(*value)),
                _ => Err(is_another(&column, "a whole number")),
            },
            Row::Postgres(row) => whole(row.try_get_raw(column)?, &column),
        }
    }
}

impl Cell for Option<f64> {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.try_get_unchecked(column)?),
            Row::Direct(row) => match held(row, column)? {
                Held::Null => Ok(None),
                Held::Real(value) => Ok(Some(*value)),
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "whoever asks for a real number takes one"
                )]
                Held::Int(value) => Ok(Some(*value as f64)),
                _ => Err(is_another(&column, "a number")),
            },
            Row::Postgres(row) => real(row.try_get_raw(column)?, &column),
        }
    }
}

impl Cell for Option<String> {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.try_get(column)?),
            Row::Direct(row) => match held(row, column)? {
                Held::Null => Ok(None),
                Held::Text(value) => Ok(Some(value.clone())),
                _ => Err(is_another(&column, "text")),
            },
            Row::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

impl Cell for Option<Vec<u8>> {
    fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
        match row {
            Row::Sqlite(row) => Ok(row.try_get(column)?),
            Row::Direct(row) => match held(row, column)? {
                Held::Null => Ok(None),
                Held::Blob(value) => Ok(Some(value.clone())),
                _ => Err(is_another(&column, "a blob")),
            },
            Row::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

macro_rules! present {
    ($($type:ty),+) => {$(
        impl Cell for $type {
            fn read(row: &Row, column: impl Column) -> Result<Self, StoreError> {
                Option::<Self>::read(row, column)?.ok_or_else(|| absent(&column))
            }
        }
    )+};
}

present!(i64, f64, String, Vec<u8>);

fn absent(column: &dyn std::fmt::Display) -> StoreError {
    unreadable(column, "it is NULL".into())
}

fn unreadable(
    column: &dyn std::fmt::Display,
    source: Box<dyn std::error::Error + Send + Sync>,
) -> StoreError {
    StoreError::Query(sqlx::Error::ColumnDecode {
        index: column.to_string(),
        source,
    })
}

fn decode<'r, T>(value: PgValueRef<'r>, column: &dyn std::fmt::Display) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    T::decode(value).map_err(|source| unreadable(column, source))
}

/// A whole number of whatever type PostgreSQL made of an expression.
fn whole(value: PgValueRef<'_>, column: &dyn std::fmt::Display) -> Result<Option<i64>, StoreError> {
    if value.is_null() {
        return Ok(None);
    }
    let type_info = value.type_info().into_owned();
    Ok(Some(match type_info.name() {
        "INT8" => decode(value, column)?,
        "INT4" => i64::from(decode::<i32>(value, column)?),
        "INT2" => i64::from(decode::<i16>(value, column)?),
        "BOOL" => i64::from(decode::<bool>(value, column)?),
        "NUMERIC" => numeric(&value)
            .ok_or_else(|| unreadable(column, "it is not a whole number of 64 bits".into()))?,
        other => {
            return Err(unreadable(
                column,
                format!("{other} is not a number").into(),
            ));
        }
    }))
}

fn real(value: PgValueRef<'_>, column: &dyn std::fmt::Display) -> Result<Option<f64>, StoreError> {
    if value.is_null() {
        return Ok(None);
    }
    let type_info = value.type_info().into_owned();
    Ok(Some(match type_info.name() {
        "FLOAT8" => decode(value, column)?,
        "FLOAT4" => f64::from(decode::<f32>(value, column)?),
        _ => {
            #[expect(
                clippy::cast_precision_loss,
                reason = "whoever asks for a real number takes one"
            )]
            let number = whole(value, column)?.map(|number| number as f64);
            return Ok(number);
        }
    }))
}

/// PostgreSQL's NUMERIC, which its SUM makes of BIGINT: a sign, and
/// digits to the base of ten thousand.
fn numeric(value: &PgValueRef<'_>) -> Option<i64> {
    if value.format() != PgValueFormat::Binary {
        return value.as_str().ok()?.parse().ok();
    }
    whole_of_numeric(value.as_bytes().ok()?)
}

fn whole_of_numeric(bytes: &[u8]) -> Option<i64> {
    let word = |at: usize| {
        let pair = bytes.get(at * 2..at * 2 + 2)?;
        Some(u16::from_be_bytes([pair[0], pair[1]]))
    };
    let digits = usize::from(word(0)?);
    // Two's complement: a fraction has a weight below nought.
    let weight = i64::from(word(1)?.cast_signed());
    let sign = match word(2)? {
        0x0000 => 1_i128,
        0x4000 => -1,
        _ => return None,
    };
    if weight > 5 {
        return None;
    }
    let mut number = 0_i128;
    for place in 0..digits {
        let digit = i128::from(word(4 + place)?);
        let power = weight - i64::try_from(place).ok()?;
        if power < 0 {
            if digit != 0 {
                return None;
            }
            continue;
        }
        number += digit * 10_000_i128.pow(u32::try_from(power).ok()?);
    }
    (sign * number).try_into().ok()
}

impl Row {
    /// How many columns it has.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Sqlite(row) => row.len(),
            Self::Direct(row) => row.len(),
            Self::Postgres(row) => row.len(),
        }
    }

    /// A text by its column's place; it may be let go of: a column is
    /// taken once.
    pub(crate) fn take_text(&mut self, place: usize) -> Result<Option<String>, StoreError> {
        let Self::Direct(row) = self else {
            return self.at(place);
        };
        match row.take(place) {
            Some(Held::Text(text)) => Ok(Some(text)),
            Some(Held::Null) => Ok(None),
            Some(_) => Err(is_another(&place, "text")),
            None => Err(sqlx::Error::ColumnNotFound(place.to_string()).into()),
        }
    }

    /// A column by its place, as the type at hand.
    pub(crate) fn at<T: Cell>(&self, place: usize) -> Result<T, StoreError> {
        T::read(self, place)
    }

    /// A column as the type at hand.
    pub(crate) fn get<T: Cell>(&self, column: &'static str) -> Result<T, StoreError> {
        T::read(self, column)
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, StoreError> {
        self.get(column)
    }

    pub(crate) fn maybe_text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        self.get(column)
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(crate) fn maybe_int(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    /// A number that is never negative.
    pub(crate) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        Ok(self.int(column)?.try_into().unwrap_or(0))
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn real(&self, column: &'static str) -> Result<Option<f64>, StoreError> {
        self.get(column)
    }

    pub(crate) fn blob(&self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    pub(crate) fn maybe_blob(&self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(column)
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        Ok(from_micros(self.int(column)?))
    }

    pub(crate) fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_int(column)?.map(from_micros))
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?)
            .map_err(|source| StoreError::Column { column, source })
    }

    pub(crate) fn maybe_json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.maybe_text(column)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|source| StoreError::Column { column, source })
    }
}

fn from_micros(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(weight: i16, sign: u16, digits: &[u16]) -> Option<i64> {
        let count = u16::try_from(digits.len()).unwrap();
        let mut words = vec![count, weight.cast_unsigned(), sign, 0];
        words.extend(digits);
        let bytes: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
        whole_of_numeric(&bytes)
    }

    #[test]
    fn a_sum_reads_as_a_whole_number() {
        assert_eq!(numeric(0, 0, &[]), Some(0));
        assert_eq!(numeric(0, 0, &[7]), Some(7));
        assert_eq!(numeric(2, 0x4000, &[1, 0, 5]), Some(-100_000_005));
        // Trailing groups of nought are left out on the wire.
        assert_eq!(numeric(1, 0, &[12]), Some(120_000));
        let largest = [922, 3372, 368, 5477, 5807];
        assert_eq!(numeric(4, 0, &largest), Some(i64::MAX));
    }

    #[test]
    fn what_is_no_whole_number_of_64_bits_is_refused() {
        assert_eq!(numeric(0, 0, &[1, 5000]), None);
        assert_eq!(numeric(0, 0xC000, &[]), None);
        assert_eq!(numeric(4, 0, &[922, 3372, 368, 5477, 5808]), None);
        assert_eq!(numeric(9000, 0, &[1]), None);
        assert_eq!(whole_of_numeric(&[0, 3, 0, 0]), None);
    }
}

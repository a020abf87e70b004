//! One column of many rows as one value: what PostgreSQL unnests.
//!
//! A statement of a thousand rows of twenty values is twenty values
//! there, and its text is the same for any number of rows.

use super::Value;

/// The values of one column, all of one type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    Int(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Text(Vec<Option<String>>),
    Blob(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn for_values_like(value: &Value, rows: usize) -> Self {
        match value {
            Value::Int(_) => Self::Int(Vec::with_capacity(rows)),
            Value::Real(_) => Self::Real(Vec::with_capacity(rows)),
            Value::Text(_) => Self::Text(Vec::with_capacity(rows)),
            Value::Blob(_) => Self::Blob(Vec::with_capacity(rows)),
        }
    }

    fn push(&mut self, value: Value) -> bool {
        match (self, value) {
            (Self::Int(column), Value::Int(value)) => column.push(value),
            (Self::Real(column), Value::Real(value)) => column.push(value),
            (Self::Text(column), Value::Text(value)) => column.push(value),
            (Self::Blob(column), Value::Blob(value)) => column.push(value),
            _ => return false,
        }
        true
    }
}

/// Rows turned on their side.
///
/// # Panics
///
/// Where rows differ in length or in the types of their values, which is
/// a mistake of whoever made them.
pub(super) fn columns(rows: Vec<Vec<Value>>) -> Vec<Column> {
    let count = rows.len();
    let mut columns: Vec<Column> = rows.first().map_or_else(Vec::new, |row| {
        row.iter()
            .map(|value| Column::for_values_like(value, count))
            .collect()
    });
    for row in rows {
        assert_eq!(row.len(), columns.len(), "rows of one length");
        for (column, value) in columns.iter_mut().zip(row) {
            assert!(column.push(value), "a column of one type");
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_and_keep_what_is_absent() {
        let rows = vec![
            vec![Value::from(1_i64), Value::from("a")],
            vec![Value::from(None::<i64>), Value::from(None::<&str>)],
        ];
        assert_eq!(
            columns(rows),
            [
                Column::Int(vec![Some(1), None]),
                Column::Text(vec![Some("a".to_owned()), None]),
            ]
        );
        assert!(columns(Vec::new()).is_empty());
    }
}

//! Rows of the records as structs, whichever engine they are of.
//!
//! In place of sqlx's derive: for that alone a build compiles sqlx, SQLite and TLS once more, for the
//! compiler's own use. Knows structs without generics whose fields are one column each. A struct that
//! holds another of them implements [`sqlx::FromRow`] by hand.

use sqlx::error::BoxDynError;
use sqlx::{ColumnIndex, Decode, Row, Type};

/// Defines a struct, and how it is read from a row: each field from the column of its name.
///
/// Behind `as` is what the column holds, if the field is made of that. Behind `=` is the column, if its
/// name is another: `from_row! { struct Line { origin: Origin as String, topic: String = "type" } }`.
macro_rules! from_row {
    (@column $field:ident $column:literal) => { $column };
    (@column $field:ident) => { stringify!($field) };
    (@stored $type:ty as $stored:ty) => { $stored };
    (@stored $type:ty) => { $type };
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[$field_attribute:meta])*
                $field_visibility:vis $field:ident: $type:ty $(as $stored:ty)? $(= $column:literal)?
            ),* $(,)?
        }
    ) => {
        $(#[$attribute])*
        $visibility struct $name {
            $(
                $(#[$field_attribute])*
                $field_visibility $field: $type,
            )*
        }

        impl<'r, R> ::sqlx::FromRow<'r, R> for $name
        where
            R: ::sqlx::Row,
            &'static str: ::sqlx::ColumnIndex<R>,
            $(
                $crate::records::row::from_row!(@stored $type $(as $stored)?):
                    ::sqlx::Decode<'r, R::Database> + ::sqlx::Type<R::Database>,
            )*
        {
            fn from_row(row: &'r R) -> ::sqlx::Result<Self> {
                Ok(Self {
                    $(
                        $field: $crate::records::row::read::<
                            $crate::records::row::from_row!(@stored $type $(as $stored)?),
                            $type,
                            R,
                        >(row, $crate::records::row::from_row!(@column $field $($column)?))?,
                    )*
                })
            }
        }
    };
}
pub(super) use from_row;

/// What a field is of what `column` holds: mostly just that, which counts as made of itself.
pub(super) fn read<'r, Stored, Field, R>(row: &'r R, column: &'static str) -> sqlx::Result<Field>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    Stored: Decode<'r, R::Database> + Type<R::Database>,
    Field: TryFrom<Stored>,
    Field::Error: Into<BoxDynError>,
{
    let stored: Stored = row.try_get(column)?;
    Field::try_from(stored).map_err(|error| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: error.into(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

    use secrecy::SecretString;
    use shared::origin::Origin;
    use shared::testing::{DatabaseEngine, TestDatabase, on_every_database};

    use crate::records::database::{Database, on_pool};

    from_row! {
        #[derive(Debug, PartialEq)]
        struct Mark {
            number: i64,
            /// Comes in another place of the row.
            note: Option<String>,
            origin: Origin as String,
            topic: String = "type",
        }
    }

    async fn mark(database: &Database, select: &'static str) -> Result<Mark, sqlx::Error> {
        on_pool!(database, pool => sqlx::query_as(select).fetch_one(pool).await)
    }

    async fn a_field_is_what_its_column_holds_or_what_is_made_of_that(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let database = Database::new(&SecretString::from(test.url())).unwrap();
        let select = "SELECT 'hubspot/62515' AS origin, 'deal.creation' AS type, \
            CAST(NULL AS TEXT) AS note, CAST(7 AS BIGINT) AS number";
        let read = mark(&database, select).await.unwrap();
        let origin = "hubspot/62515".parse().unwrap();
        let topic = "deal.creation".to_owned();
        assert_eq!(read, Mark { number: 7, note: None, origin, topic });
        database.close().await;
        test.end().await;
    }

    async fn a_column_that_no_field_can_be_made_of_is_named(engine: DatabaseEngine) {
        let test = TestDatabase::new(engine).await;
        let database = Database::new(&SecretString::from(test.url())).unwrap();
        let select = "SELECT CAST(7 AS BIGINT) AS number, 'noted' AS note, 'nowhere' AS origin, \
            'deal.creation' AS type";
        let error = mark(&database, select).await.unwrap_err();
        assert!(
            matches!(&error, sqlx::Error::ColumnDecode { index, .. } if index == "origin"),
            "{error}"
        );
        let error = mark(&database, "SELECT CAST(7 AS BIGINT) AS number").await.unwrap_err();
        assert!(matches!(&error, sqlx::Error::ColumnNotFound(name) if name == "note"), "{error}");
        database.close().await;
        test.end().await;
    }

    on_every_database! {
        a_field_is_what_its_column_holds_or_what_is_made_of_that
        a_column_that_no_field_can_be_made_of_is_named
    }
}

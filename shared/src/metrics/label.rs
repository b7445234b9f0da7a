//! Labels of metrics whose values are a closed set, so that all there is to count can be there from
//! the start. What a value means is its owner's to say.

/// Makes an enum a label: `label! { pub enum Fruit { Apple = "apple", } }` has `ALL`, `as_str` and a
/// place in label sets.
#[doc(hidden)]
#[macro_export]
macro_rules! __label {
    (
        $(#[$about:meta])*
        $visible:vis enum $name:ident { $($(#[$means:meta])* $value:ident = $text:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $visible enum $name {
            $($(#[$means])* $value,)+
        }

        impl $name {
            /// Every one of them.
            $visible const ALL: [Self; [$($text),+].len()] = [$(Self::$value),+];

            /// The name in metrics and logs.
            #[must_use]
            $visible const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        $crate::metrics::label_value!($name);
    };
}

/// Makes an enum that has a name for each value a label's value.
#[doc(hidden)]
#[macro_export]
macro_rules! __label_value {
    ($name:ty) => {
        impl ::prometheus_client::encoding::EncodeLabelValue for $name {
            fn encode(
                &self,
                encoder: &mut ::prometheus_client::encoding::LabelValueEncoder<'_>,
            ) -> ::std::fmt::Result {
                ::prometheus_client::encoding::EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}

#[doc(inline)]
pub use {__label as label, __label_value as label_value};

//! How records are declared.
//!
//! [`record!`] makes a struct with one canonical map encoding: its keys stand in
//! canonical order in the source (checked when compiling), every key is always
//! there, absent values are null. [`union!`] makes an enum as a map of one pair,
//! the variant's name and its record. Unknown variants are refused, never guessed.

/// Whether map keys are in DAG-CBOR order: shorter first, then bytewise; no key twice.
pub(crate) const fn keys_are_canonical(keys: &[&str]) -> bool {
    let mut i = 1;
    while i < keys.len() {
        let (a, b) = (keys[i - 1].as_bytes(), keys[i].as_bytes());
        if a.len() > b.len() {
            return false;
        }
        if a.len() == b.len() {
            let mut j = 0;
            while j < a.len() && a[j] == b[j] {
                j += 1;
            }
            if j == a.len() || a[j] > b[j] {
                return false;
            }
        }
        i += 1;
    }
    true
}

macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$fdoc:meta])* $key:literal => $field:ident : $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }

        const _: () = assert!($crate::record::keys_are_canonical(&[$($key),*]), "keys out of canonical order");

        impl $crate::cbor::Cbor for $name {
            fn write(&self, w: &mut $crate::cbor::Writer) {
                w.map(const { <[&str]>::len(&[$($key),*]) as u64 });
                $( w.text($key); $crate::cbor::Cbor::write(&self.$field, w); )*
            }

            fn read(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                r.map_of(const { <[&str]>::len(&[$($key),*]) as u64 })?;
                $( r.key($key)?; let $field = $crate::cbor::Cbor::read(r)?; )*
                Ok(Self { $($field,)* })
            }
        }
    };
}
pub(crate) use record;

macro_rules! union {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $key:literal => $variant:ident($ty:ty),)* }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum $name { $($(#[$vdoc])* $variant($ty),)* }

        impl $name {
            /// The name of the variant as it is written.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $key,)* }
            }
        }

        impl $crate::cbor::Cbor for $name {
            fn write(&self, w: &mut $crate::cbor::Writer) {
                w.map(1);
                w.text(self.name());
                match self { $(Self::$variant(value) => $crate::cbor::Cbor::write(value, w),)* }
            }

            fn read(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                r.map_of(1)?;
                let at = r.position();
                match r.text()? {
                    $($key => $crate::cbor::Cbor::read(r).map(Self::$variant),)*
                    _ => Err($crate::cbor::DecodeError::new(at, $crate::cbor::DecodeErrorKind::UnknownVariant)),
                }
            }
        }

        $(impl From<$ty> for $name {
            fn from(value: $ty) -> Self { Self::$variant(value) }
        })*
    };
}
pub(crate) use union;

/// Makes an enum of plain names, written as text.
macro_rules! text_enum {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vdoc:meta])* $key:literal => $variant:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &'static str {
                match self { $(Self::$variant => $key,)* }
            }

            /// The variant of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($key => Some(Self::$variant),)* _ => None }
            }
        }

        impl $crate::cbor::Cbor for $name {
            fn write(&self, w: &mut $crate::cbor::Writer) {
                w.text(self.as_str());
            }

            fn read(r: &mut $crate::cbor::Reader<'_>) -> Result<Self, $crate::cbor::DecodeError> {
                let at = r.position();
                Self::from_name(r.text()?)
                    .ok_or($crate::cbor::DecodeError::new(at, $crate::cbor::DecodeErrorKind::UnknownVariant))
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use super::keys_are_canonical;

    #[test]
    fn keys_sort_by_length_and_then_bytewise() {
        assert!(keys_are_canonical(&["a", "b", "aa", "ab"]));
        assert!(!keys_are_canonical(&["aa", "b"]));
        assert!(!keys_are_canonical(&["b", "a"]));
        assert!(!keys_are_canonical(&["a", "a"]));
    }
}

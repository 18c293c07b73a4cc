//! Signatures and sizes of the records of a zip archive (PKWARE's APPNOTE 6.3, sections 4.3 and 4.5).

/// Begins an entry.
pub(super) const LOCAL: u32 = 0x0403_4b50;
/// Begins a record of the directory.
pub(super) const DIRECTORY: u32 = 0x0201_4b50;
/// Begins the record at the end that says where the directory is.
pub(super) const END: u32 = 0x0605_4b50;
/// The same for archives beyond 4 GiB or 65,535 entries.
pub(super) const END_64: u32 = 0x0606_4b50;
/// Says where that record is.
pub(super) const END_64_LOCATOR: u32 = 0x0706_4b50;

/// Bytes of these records without their parts of variable length.
pub(super) const LOCAL_LEN: usize = 30;
pub(super) const DIRECTORY_LEN: usize = 46;
pub(super) const END_LEN: usize = 22;
pub(super) const END_64_LEN: usize = 56;
pub(super) const END_64_LOCATOR_LEN: usize = 20;

/// In a 32-bit field: the value is in the 64-bit extra field.
pub(super) const IN_EXTRA: u32 = u32::MAX;
/// Kind of the extra field with 64-bit sizes.
pub(super) const EXTRA_64: u16 = 1;
/// Kind of the extra field that PyTorch fills gaps with.
pub(super) const EXTRA_PADDING: u16 = 0x4246;
/// PyTorch puts tensors at multiples of this many bytes.
pub(super) const ALIGNMENT: u64 = 64;

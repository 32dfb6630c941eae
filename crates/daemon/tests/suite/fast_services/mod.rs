//! Fast mode's services as processes, and what befalls them: kills between any two steps, operators that are cut off, a quorum that never
//! comes. Each batch ends verified, or expired with its users refunded, and `collimated audit` finds nothing.

mod audit;
mod kills;
mod partitions;
mod proxy;
mod world;

//! People who see one account alone: that they see all of it, and of the others nothing, at any address and
//! by whatever they do.

mod deeds;
mod routes;
mod shown;
mod tenants;
mod tokens;

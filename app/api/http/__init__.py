"""Routes, authentication, bodies, ETags, pagination and problem documents."""

-- The name of the object store that the rows refer to. It lies in the store, too: another folder, or one whose disk is not
-- mounted, has another name or none.
CREATE TABLE object_store (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    name     text NOT NULL CHECK (name <> '')
);

-- NULL is the limit of whoever sends it, so that a raised one reaches what is on its way.
ALTER TABLE transactions ALTER COLUMN max_cost_wei DROP NOT NULL;

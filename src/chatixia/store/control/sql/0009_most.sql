-- How many machines a reusable invitation lets in (0: any number), and how many it did.
ALTER TABLE invitations ADD COLUMN most INTEGER NOT NULL DEFAULT 0;
ALTER TABLE invitations ADD COLUMN joins INTEGER NOT NULL DEFAULT 0;

# Commands of the guide to operating, in its order. The test runs each region by itself, in the folder of the server.

# #region first-key
umask 077
trunkline key create --for-config --name operator --all-orgs > operator.key
sed -n '/^api:/,$p' operator.key >> trunkline.yaml
# #endregion first-key

# #region check
trunkline config check
# #endregion check

# #region credentials
export TRUNKLINE_URL="${TRUNKLINE_URL:-https://live.example.com}"
export TRUNKLINE_API_KEY="$(head -n 1 operator.key)"
# #endregion credentials

# #region console
trunkline console link
# #endregion console

# #region org
trunkline org create acme --name 'Acme Corp' --max-connections 500
trunkline org list
# #endregion org

# #region limits
trunkline org set acme --max-connections 2000 --publications-per-second 500
# #endregion limits

# #region invite
trunkline invite create ann@example.com --role admin --org acme
# #endregion invite

# #region members
trunkline member list --org acme
trunkline invite list --org acme
# #endregion members

# #region key
trunkline key create --name ci --org acme --scope publish > ci.key
TRUNKLINE_API_KEY="$(cat ci.key)" trunkline publish news:today '{"headline": "it works"}'
# #endregion key

# #region rotate-key
trunkline key rotate ci --overlap 1h --org acme > ci.next.key
TRUNKLINE_API_KEY="$(cat ci.next.key)" trunkline publish news:today '{"headline": "the new key works"}'
TRUNKLINE_API_KEY="$(cat ci.key)" trunkline publish news:today '{"headline": "and so does the old one"}'
trunkline key list --org acme
# #endregion rotate-key

# #region secret
printf %s "$REGISTRY_PASSWORD" | trunkline secret put registry-password --org acme
trunkline secret list --org acme
# #endregion secret

# #region rotate-secrets
trunkline secret rotate
# #endregion rotate-secrets

# #region backup
trunkline store backup trunkline.tar.gz
cp .trunkline/secrets.key secrets.key.copy
# #endregion backup

# #region restore
trunkline store restore trunkline.tar.gz
cp secrets.key.copy .trunkline/secrets.key
# #endregion restore

# #region revoke
trunkline key revoke ci --org acme
# #endregion revoke

# #region leave
trunkline user disable ann
# #endregion leave

# #region audit
trunkline audit list --org acme
trunkline audit list --installation --since 7d
# #endregion audit

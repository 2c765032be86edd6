// Every setting of Scepter (docs/settings.md), and Azure's own that it needs. Values are references or plain; secrets
// lie in the vault. tests/infra compares the names with shared/config/.
param storageName string
param vaultName string
param clientId string
param telemetry string
param publicUrl string
param allowDefaultHost bool
param defaultProfile string
param callers array
param eventSources array
param staticChallenges array
param callbackCallers array
param callbackHosts string
param resultQueues string
param vaultWorkers int
param callsPerInstance int
@description('Settings beside these, or instead of them: tenants of Intune, outside CAs, other lives.')
param more object

var secrets = 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets'
var azure = {
  AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
  AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: clientId
  AzureWebJobsDisableHomepage: 'true'
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetry
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${clientId};Authorization=AAD'
  PYTHON_THREADPOOL_THREAD_COUNT: string(callsPerInstance)
}
var chosen = {
  SCEPTER_PUBLIC_URL: publicUrl
  SCEPTER_ALLOW_DEFAULT_HOST: string(allowDefaultHost)
  SCEPTER_DEFAULT_PROFILE: defaultProfile
  SCEPTER_VAULT_URL: 'https://${vaultName}${environment().suffixes.keyvaultDns}'
  SCEPTER_VAULT_WORKERS: string(vaultWorkers)
  SCEPTER_MAX_ENROLMENTS: string(2 * callsPerInstance)
  SCEPTER_CHALLENGE_KEYS: '@Microsoft.KeyVault(SecretUri=${secrets}/challenge-keys/)'
  SCEPTER_RESULT_QUEUES: resultQueues
  SCEPTER_CALLBACK_HOSTS: callbackHosts
}
// The defaults of the code, to be seen and changed in one place.
var usual = {
  SCEPTER_PROFILES_FILE: 'profiles.toml'
  SCEPTER_TRUSTED_PROXIES: ''
  SCEPTER_TRACE_DAYS: '30'
  SCEPTER_TABLE_PREFIX: ''
  SCEPTER_BACKDATE_HOURS: '24'
  SCEPTER_VAULT_AUDIENCE: ''
  SCEPTER_VAULT_CA_KEY: 'issuing-ca'
  SCEPTER_VAULT_IMPORT_KEY: 'pfx-import'
  SCEPTER_VAULT_CA_SECRET: 'issuing-ca-chain'
  SCEPTER_VAULT_RA_SECRET: 'scep-ra'
  SCEPTER_VAULT_RESPONDER_SECRET: 'ocsp-responder'
  SCEPTER_VAULT_SHARE: '0.95'
  SCEPTER_VAULT_PATIENCE: '8'
  SCEPTER_ROOT_IN_GETCACERT: 'true'
  SCEPTER_MAX_MESSAGE_KIB: '64'
  SCEPTER_SOURCE_RATE: ''
  SCEPTER_INTUNE_SECONDS: '20'
  SCEPTER_DIRECTORY_SHRINK_PERCENT: '10'
  SCEPTER_INSTALL_HOURS: '24'
  SCEPTER_CRL_HOURS: '72'
  SCEPTER_CRL_SHARDS: '0'
  SCEPTER_CRL_DELTA_HOURS: '0'
  SCEPTER_OCSP_IN_CERTIFICATES: 'true'
  SCEPTER_OCSP_HOURS: '1'
  SCEPTER_OCSP_HELD_MINUTES: '5'
  SCEPTER_OCSP_MAX_AGE: '60'
  SCEPTER_OCSP_GOOD_SECONDS: '1'
  SCEPTER_MAX_OCSP: '32'
  SCEPTER_WEBHOOK_WINDOW_SECONDS: '300'
  SCEPTER_EVENT_DAYS: '90'
  SCEPTER_BRAKE_DEVICES: '100'
  SCEPTER_BRAKE_PERCENT: '5'
  SCEPTER_BRAKE_HOURS: '1'
  SCEPTER_DELIVERY_DAYS: '7'
  SCEPTER_ORDER_DAYS: '90'
  SCEPTER_MAX_PFX_KIB: '256'
  SCEPTER_PFX_REQUEST_DAYS: '90'
}
var callerSettings = toObject(
  callers,
  name => 'SCEPTER_CALLER_SECRETS__${toUpper(replace(name, '-', '_'))}',
  name => '@Microsoft.KeyVault(SecretUri=${secrets}/caller-${name}/)'
)
var eventSettings = toObject(
  eventSources,
  name => 'SCEPTER_EVENT_SECRETS__${toUpper(replace(name, '-', '_'))}',
  name => '@Microsoft.KeyVault(SecretUri=${secrets}/events-${name}/)'
)
var staticSettings = toObject(
  staticChallenges,
  name => 'SCEPTER_STATIC_CHALLENGES__${toUpper(replace(name, '-', '_'))}',
  name => '@Microsoft.KeyVault(SecretUri=${secrets}/static-${name}/)'
)
var callbackSettings = toObject(
  callbackCallers,
  name => 'SCEPTER_CALLBACK_SECRETS__${toUpper(replace(name, '-', '_'))}',
  name => '@Microsoft.KeyVault(SecretUri=${secrets}/callback-${name}/)'
)

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' existing = {
  name: storageName
}

output settings object = union(
  usual,
  azure,
  chosen,
  callerSettings,
  eventSettings,
  staticSettings,
  callbackSettings,
  more
)

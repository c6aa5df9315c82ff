// The table of users by knex on better-sqlite3: one statement finds or makes the user. The least that it can cost on Node.

import knex from 'knex'

export async function open(filename, synchronous) {
  const db = knex({
    client: 'better-sqlite3',
    connection: { filename },
    useNullAsDefault: true,
    pool: {
      afterCreate: (connection, done) => {
        connection.pragma('journal_mode = WAL')
        connection.pragma(`synchronous = ${synchronous}`)
        done(null, connection)
      },
    },
  })
  await db.schema.createTable('users', (table) => {
    table.increments('id')
    table.string('open_id').notNullable().unique()
    table.string('nick_name')
    table.integer('gender')
    table.string('avatar_url')
    table.string('session_key')
    table.timestamps(true, true)
  })
  return async (openId, columns) => {
    const row = { open_id: openId, ...columns }
    const [{ id }] = await db('users').insert(row).onConflict('open_id').merge().returning('id')
    return id
  }
}

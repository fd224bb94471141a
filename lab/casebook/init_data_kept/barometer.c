// SPDX-License-Identifier: GPL-2.0
/* A platform driver of barometers: what is known of a model comes from a table, readings from a delayed work. */
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../../cases/lab_truth.h"

struct baro_model {
	char name[16];
	u32 scale;
	s32 offset;
	u32 settle;
};

struct baro {
	struct platform_device *pdev;
	const struct baro_model *model;
	struct delayed_work sample;
	u32 raw;
	s32 history[16];
	u32 taken;
};

static const struct baro_model models[] __initconst = {
	{ "bm180", 100, -12, 3 }, { "bm280", 256, 4, 1 }, { "ms5611", 1000, 0, 2 },
};
static struct platform_device *devices[2];

static inline s32 baro_convert(const struct baro *baro, u32 raw)
{
	return raw * baro->model->scale + baro->model->offset; /* guilty */
}

static noinline void baro_take(struct baro *baro)
{
	baro->raw = baro->raw * 5 + 17;
	baro->history[baro->taken++ % 16] = baro_convert(baro, baro->raw & 0xfff);
}

static void baro_sample(struct work_struct *work)
{
	struct baro *baro = container_of(work, struct baro, sample.work);

	baro_take(baro);
	schedule_delayed_work(&baro->sample, HZ / 5);
}

static int __init baro_probe(struct platform_device *pdev)
{
	struct baro *baro = devm_kzalloc(&pdev->dev, sizeof(*baro), GFP_KERNEL);

	if (!baro)
		return -ENOMEM;
	baro->pdev = pdev;
	baro->model = &models[pdev->id % ARRAY_SIZE(models)]; /* guilty */
	baro->raw = 900 + pdev->id;
	INIT_DELAYED_WORK(&baro->sample, baro_sample);
	platform_set_drvdata(pdev, baro);
	lab_address("baro", baro);
	baro_take(baro);
	schedule_delayed_work(&baro->sample, 2 * HZ);
	return 0;
}

static struct platform_driver baro_driver = { .driver = { .name = "barometer" } };

static int __init barometer_init(void)
{
	unsigned int at;

	for (at = 0; at < ARRAY_SIZE(devices); at++) {
		devices[at] = platform_device_register_simple("barometer", at, NULL, 0);
		if (IS_ERR(devices[at]))
			return PTR_ERR(devices[at]);
	}
	lab_watch_panic();
	lab_number("tasks", lab_count_tasks());
	return platform_driver_probe(&baro_driver, baro_probe);
}
module_init(barometer_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("barometer");
